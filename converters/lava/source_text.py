"""A Python module while it is written: processes made one by one, and the arrays that they read."""

import builtins
import keyword
from collections.abc import Iterator
from dataclasses import dataclass, field

from snn_deploy.errors import GraphError
from snn_deploy.ir.graph import NAME, Array

IMPORTS = {
    "Conv": "lava.proc.conv.process",
    "Dense": "lava.proc.dense.process",
    "LIFReset": "lava.proc.lif.process",
    "SignMode": "lava.utils.weightutils",
    "kernel": ".arrays",
    "matrix": ".arrays",
    "to_lava": ".arrays",
    "window": ".arrays",
    "DelayLine": ".processes",
    "Neurons": ".processes",
    "Readout": ".processes",
    "Relays": ".processes",
    "ResidualNeurons": ".processes",
    "Source": ".processes",
    "WideConv": ".processes",
    "WideDense": ".processes",
    "Record": ".recording",
    "Recorder": ".recording",
}
"""Where the module finds what it uses."""

_RESERVED = {*keyword.kwlist, *dir(builtins), *IMPORTS, "Path", "np", "recorder", "samples", "w"}


class Code(str):
    """An expression: Python reads it as it is. A plain string is written in quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the text itself."""
        return str(self)


Value = Code | str | int | bool | tuple[int, ...] | None


@dataclass(slots=True)
class SourceText:
    """The body of a function that makes processes.

    Attributes:
        lines: of the body.
        arrays: that it reads from `w`, by key.
        used: names that the module must import.
    """

    lines: list[str] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    _variables: set[str] = field(default_factory=lambda: set(_RESERVED))

    def say(self, *lines: str) -> None:
        """Append lines, indented as the body is; an empty one stays empty."""
        self.lines += [f"    {line}" if line else "" for line in lines]

    def make(self, process: str, name: str, **fields: Value) -> Code:
        """Append a process, without the fields that are None; return its variable.

        Raises:
            GraphError: a name of other characters than a graph's.
        """
        if not NAME.match(name):
            raise GraphError("lava", name, "is no name: letters, digits, '_' and '.'")
        variable = self._free(name.replace(".", "_"))
        self.say(f"{variable} = {self.use(process)}(", f'    name="{name}",')
        given = {key: value for key, value in fields.items() if value is not None}
        self.say(*(f"    {key}={_literal(value)}," for key, value in given.items()), ")")
        return Code(variable)

    def use(self, name: str) -> str:
        """Return a name of `IMPORTS`, which the module then imports."""
        self.used.add(name)
        return name

    def connect(self, port: str, to: str) -> None:
        """Append a connection between two ports."""
        self.say(f"{port}.connect({to})")

    def array(self, key: str, array: Array) -> Code:
        """Return the expression of an array that lies beside the module."""
        self.arrays[key] = array
        return Code(f'w["{key}"]')

    def constant(self, key: str, array: Array | None) -> Value:
        """Return a number for each neuron: one for all, [C], or [C, *L]. None where there is none.

        Channels come last in Lava, so [C] meets them there by NumPy's own rules.
        """
        if array is None or array.size == 1:
            return None if array is None else int(array.flat[0])
        stored = self.array(key, array)
        return stored if array.ndim == 1 else Code(f"{self.use('to_lava')}({stored})")

    def imports(self) -> Iterator[str]:
        """Yield the import statements: Lava's, an empty line, ours."""
        for ours in (False, True):
            if ours:
                yield ""
            names = sorted(name for name in self.used if IMPORTS[name].startswith(".") == ours)
            for module in sorted({IMPORTS[name] for name in names}):
                listed = ", ".join(name for name in names if IMPORTS[name] == module)
                yield f"from {module} import {listed}"

    def _free(self, wanted: str) -> str:
        """Return a variable that nothing is called yet: the wanted one, or with underscores."""
        while wanted in self._variables:
            wanted += "_"
        self._variables.add(wanted)
        return wanted


def _literal(value: Value) -> str:
    return f'"{value}"' if isinstance(value, str) and not isinstance(value, Code) else repr(value)
