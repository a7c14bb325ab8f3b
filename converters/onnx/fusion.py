"""Which nodes of an integer graph become one operator: a product, an addition, a neuron."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

from snn_deploy.ir.graph import Graph, Node
from snn_deploy.ir.ops import STATEFUL, Add, Conv, Input, IntegerLif, Linear

Readers = Mapping[str, tuple[Node, ...]]


@dataclass(frozen=True, slots=True)
class Fusion:
    """What one operator computes.

    Attributes:
        product: the convolution or matrix product.
        addition: of the product and one other value, the addend.
        neuron: reads the sum, or the product where nothing is added.
    """

    product: Node
    addition: Node | None = None
    neuron: Node | None = None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """In the order in which they are computed."""
        return tuple(n for n in (self.product, self.addition, self.neuron) if n is not None)

    @property
    def last(self) -> Node:
        """The node in whose place the operator stands."""
        return self.nodes[-1]

    @property
    def addend(self) -> str | None:
        """What is added to the product."""
        if self.addition is None:
            return None
        first, second = self.addition.inputs
        return second if first == self.product.name else first


def fusions(graph: Graph) -> Mapping[str, Fusion]:
    """Return a fusion for every convolution and matrix product, by the product's name.

    Nobody reads a fused node's value before the operator stands: those who come earlier in the
    graph's order keep it from being fused. Of two products that meet at an addition, the one with
    more multiplications takes it.
    """
    readers, steady = graph.readers(), _steady(graph)
    place = {node.name: i for i, node in enumerate(graph.nodes)}
    products = [node for node in graph.nodes if isinstance(node.op, Conv | Linear)]
    taken: set[str] = set()
    found = {}
    for product in sorted(products, key=lambda n: (-_multiplications(graph, n), place[n.name])):
        fusion = next(
            f
            for f in _candidates(product, readers)
            if _possible(f, readers, place, taken) and _in_step(f, steady)
        )
        taken.update(node.name for node in fusion.nodes)
        found[product.name] = fusion
    return found


def _multiplications(graph: Graph, product: Node) -> int:
    return prod(product.type.shape[1:]) * graph.weight(product).size


def _candidates(product: Node, readers: Readers) -> Iterator[Fusion]:
    """Yield larger fusions before smaller ones; the product alone is the last."""
    alone = Fusion(product)
    added = [replace(alone, addition=node) for node in readers[product.name] if _joins_two(node)]
    for fusion in (*added, alone):
        for node in readers[fusion.last.name]:
            if isinstance(node.op, IntegerLif):
                yield replace(fusion, neuron=node)
    yield from added
    yield alone


def _joins_two(node: Node) -> bool:
    return isinstance(node.op, Add) and len(node.inputs) == len(set(node.inputs)) == 2


def _possible(
    fusion: Fusion, readers: Readers, place: Mapping[str, int], taken: Collection[str]
) -> bool:
    members = {node.name for node in fusion.nodes}
    if not members.isdisjoint(taken):
        return False
    outside = {
        reader.name for name in members for reader in readers[name] if reader.name not in members
    }
    return all(place[name] > place[fusion.last.name] for name in outside)


def _steady(graph: Graph) -> Collection[str]:
    """Return the nodes whose value is the same at every step."""
    found: set[str] = set()
    for node in graph.nodes:
        remembers = isinstance(node.op, STATEFUL)
        if isinstance(node.op, Input):
            remembers = not node.op.static
        if not remembers and found.issuperset(node.inputs):
            found.add(node.name)
    return found


def _in_step(fusion: Fusion, steady: Collection[str]) -> bool:
    """Say whether product and addend go together: both with steps, both without, or one repeated.

    Only a neuron repeats: it walks through the steps of the product.
    """
    if fusion.addend is None:
        return True
    product, addend = (name in steady for name in (fusion.product.name, fusion.addend))
    return product == addend or (fusion.neuron is not None and not product)
