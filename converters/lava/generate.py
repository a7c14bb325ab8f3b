"""Writes a chip network as a Python module that makes it of Lava's processes, layer by layer."""

import re
from collections.abc import Mapping, Sequence

from snn_deploy.ir.graph import Array
from snn_deploy.mapping import ChipNetwork, Population

from .bounds import bounds, of_input
from .neurons import WINDOW, write_neurons, write_readout
from .source_text import Code, SourceText
from .synapses import SynapseWriter

_KEPT_AS = {"spikes": "uint8", "messages": "int32", "output": "int64"}


def generate(network: ChipNetwork) -> tuple[str, Mapping[str, Array]]:
    """Return the module's text, and the arrays that it reads, by key.

    Raises:
        GraphError: a name that cannot be a process's.
    """
    text = SourceText()
    synapses = SynapseWriter(text, network, bounds(network))
    records: list[str] = []
    for population in network.populations:
        records += _population(text, synapses, population)
    _recorder(text, network, records)
    imports = ["from pathlib import Path", "", "import numpy as np", *text.imports()]
    return "\n".join([*_head(network), *imports, *_build(network), *text.lines, ""]), text.arrays


def _head(network: ChipNetwork) -> list[str]:
    graph = network.graph
    name = re.sub(r"[^\w.-]", "_", graph.name)  # it comes from a file's name: anything
    return [
        f'"""The network \'{name}\' as processes of Lava, layer by layer.',
        "",
        "In a layer of depth d, step t of sample k is step k T + t + d of the simulation, where",
        f"T = {graph.steps}. Every synapse takes a step; delay lines make paths that meet equally",
        "long.",
        '"""',
        "",
    ]


def _build(network: ChipNetwork) -> list[str]:
    graph, shape = network.graph, network.graph.input.type.shape
    axes = ("N", *shape) if graph.static else (graph.steps, "N", *shape)
    return [
        "",
        f"STEPS = {graph.steps}",
        f"STATIC = {graph.static}",
        f"INPUT_SHAPE = {shape}",
        f"INPUT_RANGE = {of_input(graph)}",
        "",
        "",
        "def build(samples: np.ndarray) -> Recorder:",
        '    """Return what records the network while it is shown samples one after another.',
        "",
        f"    samples: integers, [{', '.join(map(str, axes))}].",
        '    """',
        '    w = np.load(Path(__file__).with_name("weights.npz"))',
    ]


def _population(text: SourceText, synapses: SynapseWriter, population: Population) -> list[str]:
    """Append a layer: its synapses, its neurons, and what connects them. Return its records."""
    network, bounds, ports = synapses.network, synapses.bounds, synapses.ports
    text.say("", f"# {population.name} {list(population.shape)}, depth {population.depth}")
    if population.source is not None:
        made = _source(text, population)
        ports[population.source, 0, 0] = f"{made}.s_out"
        return []
    given = [synapses.write(synapse) for synapse in network.incoming[population.name]]
    records: list[str] = []
    if population.sends:
        made = write_neurons(text, network, population, bounds)
        _connect(text, given, made)
        if population.neuron is not None:
            port = ports[population.neuron, 0, 0] = f"{made}.s_out"
            records.append(_record(network, population, "spikes", population.neuron, port))
        if population.relay is not None:
            port = ports[population.relay, 0, 0] = f"{made}.m_out"
            records.append(_record(network, population, "messages", population.relay, port))
    if population.output is not None:
        made = write_readout(text, network, population, population.output)
        _connect(text, given, made)
        port = f"{made}.total_out"
        records.append(_record(network, population, "output", population.output, port))
    return records


def _source(text: SourceText, population: Population) -> Code:
    return text.make(
        "Source",
        population.name,
        samples=Code("samples"),
        shape=Code("INPUT_SHAPE"),
        window=WINDOW,
    )


def _connect(text: SourceText, ports: Sequence[str], process: str) -> None:
    for port in ports:
        text.connect(port, f"{process}.a_in")


def _record(network: ChipNetwork, population: Population, kind: str, node: str, port: str) -> str:
    shape, dtype = network.graph[node].type.shape, _KEPT_AS[kind]
    return f'Record("{kind}/{node}", {port}, {shape}, depth={population.depth}, dtype=np.{dtype})'


def _recorder(text: SourceText, network: ChipNetwork, records: Sequence[str]) -> None:
    text.say("", f"recorder = {text.use('Recorder')}(", "    records=[")
    text.say(*(f"        {record}," for record in records), "    ],")
    text.use("Record")
    text.say(f"    samples=samples.shape[{0 if network.graph.static else 1}],", "    window=STEPS,")
    text.say(")", "recorder.connect()", "return recorder")
