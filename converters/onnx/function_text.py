"""How an operator with state becomes a function: one step of it, or a walk through all steps."""

from dataclasses import dataclass
from typing import Protocol

from onnx import FunctionProto, parser

DOMAIN = "ai.snn"
VERSION = 1
OPSET = 21
"""Of the standard operators. Newer ones are refused by ONNX Runtimes in use, and lose fusions."""


class Operator(Protocol):
    """One of our operators: its name says all that its body depends on."""

    @property
    def name(self) -> str:
        """Of the operator and its function."""
        ...

    @property
    def states(self) -> tuple[str, ...]:
        """The roles of its states."""
        ...

    @property
    def sequence(self) -> bool:
        """Whether it walks through all steps in one call."""
        ...


@dataclass(frozen=True, slots=True)
class Body:
    """An operator's text: what is constant, and one step from x_t, v_t, … to s_t, v_n, …."""

    attributes: tuple[str, ...]
    operands: tuple[str, ...]
    constants: tuple[str, ...]
    lines: tuple[str, ...]
    current_type: str
    spike_type: str


def function_of(operator: Operator, body: Body) -> FunctionProto:
    """Return the function."""
    text = _sequence(operator, body) if operator.sequence else _step(operator, body)
    found = parser.parse_function(text)
    found.doc_string = f"{operator.name}, version {VERSION}; contract: converters/onnx/README.md"
    return found


def _header(operator: Operator, body: Body) -> str:
    states = operator.states
    operands = ", ".join(("x", *states, *body.operands))
    results = ", ".join(("s", *(f"{s}_out" for s in states)))
    attributes = ", ".join(body.attributes)
    return (
        f'<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>\n'
        f"{operator.name} <{attributes}> ({operands}) => ({results})"
    )


def _step(operator: Operator, body: Body) -> str:
    text = "\n".join((*body.constants, *body.lines))
    text = text.replace("x_t", "x").replace("s_t", "s")
    for state in operator.states:
        text = text.replace(f"{state}_t", state).replace(f"{state}_n", f"{state}_out")
    return f"{_header(operator, body)} {{\n{text}\n}}"


def _sequence(operator: Operator, body: Body) -> str:
    """Walk through the steps by Scan, whose body reads the constants from outside."""
    states, kind = operator.states, body.current_type
    takes = ", ".join(f"{kind}[] {n}_t" for n in (*states, "x"))
    gives = ", ".join((*(f"{kind}[] {n}_n" for n in states), f"{body.spike_type}[] s_t"))
    results = ", ".join((*(f"{s}_out" for s in states), "s"))
    constants, lines = "\n".join(body.constants), "\n".join(body.lines)
    graph = f"step ({takes}) => ({gives}) {{\n{lines}\n}}"
    return (
        f"{_header(operator, body)} {{\n{constants}\n"
        f"{results} = Scan <num_scan_inputs = 1, body = {graph}> ({', '.join((*states, 'x'))})\n}}"
    )
