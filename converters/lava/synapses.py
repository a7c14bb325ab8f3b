"""Writes the processes between populations: delay lines, convolutions, dense layers."""

from dataclasses import dataclass, field

from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Conv, Identity, Linear, SumPool
from snn_deploy.mapping import ChipNetwork, Synapse

from .bounds import Bounds
from .fields import conv_fits, dense_exponent
from .neurons import lava_shape
from .source_text import Code, SourceText, Value

MESSAGE_BITS = 24
"""Of messages that carry a value. Lava's simulation asks only whether they have any."""


@dataclass(frozen=True, slots=True)
class SynapseWriter:
    """Appends synapses to a module.

    Attributes:
        text: of the module.
        network: that is written.
        bounds: of it.
        ports: what gives a node's messages: by node, by how many steps later, and, of values that
            are added to themselves, by how many times before.
    """

    text: SourceText
    network: ChipNetwork
    bounds: Bounds
    ports: dict[tuple[str, int, int], str] = field(default_factory=dict)

    def write(self, synapse: Synapse) -> str:
        """Append a synapse and return the port that gives its sums, in its target's shape."""
        if isinstance(synapse.op, Linear):
            return f"{self._linear(synapse)}.a_out"
        if isinstance(synapse.op, Identity):
            given = self._delayed(synapse, synapse.delay + 1, self._repeats(synapse))
        else:
            given = f"{self._conv(synapse, synapse.op)}.a_out"
        if len(synapse.source_shape) > len(synapse.target_shape):
            return f"{given}.transpose((2, 1, 0)).flatten()"  # flattened with channels outermost
        return given

    def _repeats(self, synapse: Synapse) -> int:
        """Return how many synapses before it join the same neurons: a value added to itself.

        Lava connects two ports once, so each of them needs a line of its own.
        """
        incoming = self.network.incoming[synapse.target]
        alike = [s for s in incoming if s.source == synapse.source and isinstance(s.op, Identity)]
        return alike.index(synapse)

    def _delayed(self, synapse: Synapse, delay: int, repeats: int = 0) -> str:
        """Return the port that gives a synapse its messages; those of one delay share a line."""
        key = (synapse.source, delay, repeats)
        if key not in self.ports:
            line = self.text.make(
                "DelayLine",
                f"{synapse.source}.delay{delay}" + ".again" * repeats,
                shape=lava_shape(synapse.source_shape),
                delay=delay,
            )
            self.text.connect(self.ports[synapse.source, 0, 0], f"{line}.s_in")
            self.ports[key] = f"{line}.s_out"
        return self.ports[key]

    def _conv(self, synapse: Synapse, op: Conv | SumPool) -> Code:
        source = self._delayed(synapse, synapse.delay)
        channels = synapse.source_shape[0]
        weight, sizes = self._kernel(synapse, op, channels)
        groups = op.groups if isinstance(op, Conv) else channels
        wide = not conv_fits(synapse, sizes, self.bounds)
        made = self.text.make(
            "WideConv" if wide else "Conv",
            synapse.name,
            weight=weight,
            input_shape=lava_shape(synapse.source_shape),
            stride=_across(op.stride, 1),
            padding=_across(op.padding, 0),
            dilation=_across(op.dilation, 1) if isinstance(op, Conv) else None,
            groups=None if groups == 1 else groups,
            num_message_bits=_message_bits(synapse),
            depth=self._depth(synapse) if wide else None,
        )
        self.text.connect(source, f"{made}.s_in")
        return made

    def _kernel(
        self, synapse: Synapse, op: Conv | SumPool, channels: int
    ) -> tuple[Code, tuple[int, ...]]:
        """Return the expression of a kernel, and its size."""
        if isinstance(op, SumPool):
            sizes = ", ".join(map(str, op.kernel))
            return Code(f"{self.text.use('window')}({channels}, {sizes})"), op.kernel
        stored = self._weight(synapse)
        arguments = [self.text.array(f"{synapse.layer}.weight", stored), *self._exponent(synapse)]
        return Code(f"{self.text.use('kernel')}({', '.join(arguments)})"), stored.shape[2:]

    def _linear(self, synapse: Synapse) -> Code:
        source = self._delayed(synapse, synapse.delay)
        if len(synapse.source_shape) > 1:
            source += ".flatten()"
        stored = self._weight(synapse)
        weight = self.text.array(f"{synapse.layer}.weight", stored)
        matrix = f"{self.text.use('matrix')}({weight}, {synapse.source_shape}"
        exponent = dense_exponent(
            stored, self.network.exponent(synapse), self.bounds.synapses[synapse.name]
        )
        fields: dict[str, Value]
        if exponent is None:
            wide = ", ".join([matrix, *self._exponent(synapse)])
            fields = {"weights": Code(f"{wide})"), "depth": self._depth(synapse)}
        else:
            # Of a weight with a sign Lava cuts off the lowest bit: twice the weight, half the sum.
            mixed = Code(f"{self.text.use('SignMode')}.MIXED")
            fields = {"weights": Code(f"2 * {matrix})"), "weight_exp": exponent, "sign_mode": mixed}
        made = self.text.make(
            "WideDense" if exponent is None else "Dense",
            synapse.name,
            **fields,
            num_message_bits=_message_bits(synapse),
        )
        self.text.connect(source, f"{made}.s_in")
        return made

    def _depth(self, synapse: Synapse) -> int:
        return self.network.by_name[synapse.target].depth

    def _weight(self, synapse: Synapse) -> Array:
        weight = self.network.weight(synapse)
        assert weight is not None, "a layer's synapse has its weight"
        return weight

    def _exponent(self, synapse: Synapse) -> list[str]:
        """Return the argument that multiplies weights by powers of two, none for 1."""
        exponent = self.network.exponent(synapse)
        if exponent is None or not exponent.any():
            return []
        return [str(self.text.constant(f"{synapse.layer}.exponent", exponent))]


def _across(sizes: tuple[int, ...], usual: int) -> tuple[int, int] | None:
    """Return what is given along height and width, or length, in Lava's order; None if usual."""
    if all(size == usual for size in sizes):
        return None
    return (sizes[0], usual) if len(sizes) == 1 else (sizes[1], sizes[0])


def _message_bits(synapse: Synapse) -> int | None:
    return MESSAGE_BITS if synapse.graded else None
