"""What the page shows of a simulated chip, as text and percentages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import fsum

from snn_deploy.hardware import Evidence

from .energy import Estimate
from .floor_plan import NAMED, busiest_links, drawings
from .pricing import EVENTS, EVIDENCE, HOPS, MESSAGES, NEURONS, Charge
from .simulated import Constant, SimulatedLayer, Simulation, Wait
from .simulated_tree import core_name, why
from .views import Row, Segment
from .wording import count, energy, percent, power, saving, seconds, short_count, three_digits

LISTED_LAYERS = 40
"""So many populations have a bar each."""

TOP_LAYERS = 30
"""Where there are more, so many of those that spend most have one."""

LISTED_STEPS = 24
LISTED_WAITS = 8
LISTED_LINKS = 8
LISTED_CORES = 256
"""Above, the table of cores is of the busiest ones."""

GROUPS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "neurons": (NEURONS, "c5"),
    "messages": (MESSAGES, "c3"),
    "synaptic events": (EVENTS, "c2"),
    "links": (HOPS, "c4"),
    "barriers": (("barrier_j",), "c11"),
    "static": (("static_w",), "c0"),
    "host": (("host_w",), "c12"),
}
"""What joules are spent on: constants, and the colour of all their bars."""

CHARGES: Mapping[str, str] = {
    "neuron_access_j": "a neuron, looked at in a step",
    "neuron_update_j": "more, if it is updated",
    "send_j": "more, if it sends",
    "axon_out_j": "a message, where it leaves",
    "axon_in_j": "a message, where it arrives",
    "conv_event_j": "synaptic event of a shared kernel",
    "dense_event_j": "synaptic event of an all-to-all layer",
    "sparse_event_j": "synaptic event of a single connection",
    "hop_x_j": "flit over a link along a row",
    "hop_y_j": "flit over a link along a column",
    "chip_hop_j": "flit over a link between chips",
    "barrier_j": "core at the barrier of a step",
    "static_w": "chips that are on",
    "host_w": "processors that serve the run",
}

MEANINGS: Mapping[Evidence, str] = {
    "published": "a primary source",
    "measured": "a measurement",
    "derived": "arithmetic on published or measured numbers",
    "fitted": "a formula that reproduces somebody's recorded output",
    "assumed": "nobody: a guess, or another chip's number",
}

_EVIDENCE_COLOURS: Mapping[Evidence, str] = {
    "published": "c4",
    "measured": "c2",
    "derived": "c5",
    "fitted": "c6",
    "assumed": "c8",
}

_TIERS = {
    "ideal": "the slowest core of each step alone: messages wait for nothing",
    "contention": "message by message: they wait for links, buffers and the core they go to",
    "cycle": "flit by flit, cycle by cycle",
}

ASSUMES: Sequence[str] = (
    "Samples follow one another without a gap. A chip that waits for the next one draws its static "
    "power all the same, which is not counted.",
    "A core goes through its neurons one after the other and, at the same time, through the "
    "messages that reach it; a step lasts until every core is done with both, and a barrier more.",
    "A neuron sends one message to each core that listens, not one to all. It goes along the row "
    "of its router, then along a column. Within a core it costs as much, but no hop.",
    "A neuron is updated in a step if a synaptic event reaches it, if it has a bias, or if its "
    "state is not zero.",
)

LEAVES_OUT: Sequence[str] = (
    "input and output beyond the port of the host: boards, their memory, cables, converters of "
    "voltage; a message of the host costs its hops and what it causes where it arrives",
    "the host's own work, but for its constant power",
    "scaling of voltage and frequency, temperature, and how one chip differs from another",
    "loading the network, resets between samples, and the first steps, until all layers work",
    "learning and probes",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that stands out."""

    value: str
    name: str
    note: str = ""


def figures(simulation: Simulation) -> tuple[Figure, ...]:
    """Return what a reader wants to know first."""
    spent, steps = simulation.energy, len(simulation.steps)
    rate = 1 / simulation.inference_s
    events = sum(simulation.events.values())
    return (
        Figure(
            energy(spent.total_j),
            "an inference",
            f"{energy(spent.dynamic_j)} of it dynamic, {energy(spent.static_j)} static",
        ),
        Figure(
            seconds(simulation.inference_s),
            "from one sample to the next",
            f"{_plural(steps, 'step')} of {seconds(simulation.step_s)}; "
            f"{short_count(rate)} samples a second",
        ),
        Figure(
            seconds(simulation.readout_s),
            "from a sample's input to its result",
            f"{steps + simulation.latency} steps: {simulation.latency} more on its way through the "
            "layers",
        ),
        Figure(
            short_count(events),
            "synaptic events an inference",
            f"{short_count(simulation.messages)} messages, of {_sent(simulation)}",
        ),
    )


def _sent(simulation: Simulation) -> str:
    found = {"spikes": simulation.spikes, "values": simulation.graded}
    shown = [f"{short_count(number)} {noun}" for noun, number in found.items() if number]
    return " and ".join(shown) or "nothing that was sent"


def lead(simulation: Simulation) -> str:
    """Return what was simulated, and how."""
    return (
        f"{_plural(simulation.samples, 'sample')} streamed through the chip, step by step. Counts "
        f"are exact; times are modelled ({_TIERS[simulation.tier]}); joules are counts times the "
        "constants of the target's file. Nothing here was measured on a chip."
    )


def energy_groups(simulation: Simulation) -> tuple[Row, ...]:
    """Return one bar of all joules, by what they are spent on."""
    spent = simulation.energy
    total = spent.total_j or 1.0
    segments = []
    for name, (constants, colour) in GROUPS.items():
        joules = spent.of(*constants)
        if joules:
            share = joules / total
            title = f"{name}: {energy(joules)}, {share_of(joules, total)}"
            segments.append(Segment(name, round(100 * share, 3), colour, energy(joules), title))
    return (Row("Chip", energy(spent.total_j), "an inference", tuple(segments)),)


def share_of(joules: float, total: float) -> str:
    """Return a share that is not nothing where it is small."""
    share = joules / total
    return "< 0.1 %" if 0 < share < 0.0005 else percent(share, 1)


def group_of(charge: Charge) -> str:
    """Return the colour of a charge."""
    return next(colour for constants, colour in GROUPS.values() if charge.constant in constants)


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """A line of the bill, as text."""

    name: str
    colour: str
    number: str
    price: str
    evidence: str
    energy: str
    share: str


def charge_rows(simulation: Simulation) -> tuple[ChargeRow, ...]:
    """Return every charge that was made, those that came to nothing left out."""
    total = simulation.energy.total_j or 1.0
    rows = []
    for charge in simulation.energy.charges:
        if not charge.count:
            continue
        rows.append(
            ChargeRow(
                CHARGES[charge.constant],
                group_of(charge),
                seconds(charge.count) if is_power(charge) else short_count(charge.count),
                power(charge.price) if is_power(charge) else energy(charge.price),
                charge.evidence,
                energy(charge.energy_j),
                share_of(charge.energy_j, total),
            )
        )
    return tuple(rows)


def is_power(charge: Charge) -> bool:
    """Say whether a charge is for time, not for events."""
    return charge.constant.endswith("_w")


def layer_rows(simulation: Simulation) -> tuple[Row, ...]:
    """Return a bar for every population; of many, for those that spend most, and the rest."""
    layers, rest = simulation.layers, []
    if len(layers) > LISTED_LAYERS:
        by_energy = sorted(layers, key=lambda layer: -layer.energy.total_j)
        layers, rest = tuple(by_energy[:TOP_LAYERS]), by_energy[TOP_LAYERS:]
    longest = max((layer.energy.total_j for layer in layers), default=0.0) or 1.0
    rows = [
        Row(
            layer.name,
            energy(layer.energy.total_j),
            _plural(layer.cores, "core"),
            _segments(layer, longest),
        )
        for layer in layers
    ]
    if rest:
        # All together would be many times longer than any bar.
        total = sum(layer.energy.total_j for layer in rest)
        mean = f"{energy(total / len(rest))} each"
        rows.append(Row(f"{count(len(rest))} others", energy(total), mean, ()))
    return tuple(rows)


def _segments(layer: SimulatedLayer, longest: float) -> tuple[Segment, ...]:
    spent = {
        "neurons": layer.energy.neurons_j,
        "messages": layer.energy.messages_j,
        "synaptic events": layer.energy.events_j,
    }
    return tuple(
        Segment(
            kind,
            round(100 * joules / longest, 3),
            GROUPS[kind][1],
            energy(joules),
            f"{layer.name}, {kind}: {energy(joules)}",
        )
        for kind, joules in spent.items()
        if joules
    )


def step_rows(simulation: Simulation) -> tuple[Row, ...]:
    """Return a bar for every step; none where they are too many to be read."""
    if len(simulation.steps) > LISTED_STEPS:
        return ()
    longest = max(step.mean_s for step in simulation.steps)
    return tuple(
        Row(
            f"Step {number}",
            seconds(step.mean_s),
            _waited(step.slowest, simulation),
            (
                Segment(
                    "work",
                    round(100 * (step.mean_s - simulation.barrier_s) / longest, 3),
                    "c2",
                    "",
                    f"step {number}: {seconds(step.mean_s)}, at most {seconds(step.max_s)}",
                ),
                Segment(
                    "barrier",
                    round(100 * simulation.barrier_s / longest, 3),
                    "c11",
                    "",
                    f"barrier: {seconds(simulation.barrier_s)}",
                ),
            ),
        )
        for number, step in enumerate(simulation.steps, start=1)
    )


def _waited(wait: Wait, simulation: Simulation) -> str:
    if simulation.samples == 1:
        return f"{core_name(wait.core)}, {why(wait)}"
    return f"{core_name(wait.core)}, {why(wait)}, in {wait.steps} of {simulation.samples} samples"


def wait_rows(simulation: Simulation) -> tuple[tuple[str, str, str, str, str], ...]:
    """Return (core, what it holds, steps, why, how much it works) of cores that were waited for."""
    by_core = {core.core: core for core in simulation.cores}
    number = simulation.samples * len(simulation.steps)
    rows = []
    for wait in simulation.waits[:LISTED_WAITS]:
        core = by_core.get(wait.core)
        steps = f"{count(wait.steps)} of {count(number)}"
        if core is None:
            rows.append(("host", "the input", steps, why(wait), ""))
            continue
        works = percent(core.busy_s / simulation.inference_s, 0)
        rows.append((str(core.core), held(core.layers), steps, why(wait), works))
    return tuple(rows)


def held(layers: Sequence[str]) -> str:
    """Return the names of populations, the last ones of many only counted."""
    more = f" and {len(layers) - NAMED} more" if len(layers) > NAMED else ""
    return ", ".join(layers[:NAMED]) + more


def balance(simulation: Simulation) -> str:
    """Return how evenly cores work, and what the others' waiting is for."""
    shares = [core.busy_s / simulation.inference_s for core in simulation.cores]
    mean, most = sum(shares) / len(shares), max(shares)
    blocked = sum(core.blocked_s for core in simulation.cores) / len(shares)
    said = (
        f"The busiest core works {percent(most, 0)} of the time, a core on average "
        f"{percent(mean, 0)}."
    )
    if simulation.tier == "ideal":
        return said
    return f"{said} The network keeps a core from sending for {seconds(blocked)} of an inference."


def core_rows(simulation: Simulation) -> tuple[tuple[str, ...], ...]:
    """Return the table of cores, the busiest first."""
    cores = sorted(simulation.cores, key=lambda core: -core.busy_s)[:LISTED_CORES]
    return tuple(
        (
            str(core.core),
            held(core.layers),
            count(core.neurons),
            percent(core.fullest[1], 0) if core.fullest else "",
            percent(core.busy_s / simulation.inference_s, 0),
            seconds(core.neurons_s),
            seconds(core.messages_s),
            short_count(core.received),
            short_count(core.sent),
            short_count(core.events),
            energy(core.energy_j),
        )
        for core in cores
    )


def evidence_rows(simulation: Simulation) -> tuple[Row, ...]:
    """Return a bar for every kind of constant: the share of the joules that rests on it."""
    return tuple(
        Row(
            kind.capitalize(),
            share_of(share, 1.0),
            MEANINGS[kind],
            (Segment(kind, round(100 * share, 3), _EVIDENCE_COLOURS[kind], "", ""),)
            if share
            else (),
        )
        for kind, share in simulation.energy.evidence.items()
    )


def rests_on(simulation: Simulation) -> str:
    """Return what most of the joules rest on, e.g. `80 % rest on assumed constants`."""
    spent = simulation.energy
    kind, share = max(spent.evidence.items(), key=lambda item: item[1])
    of_time = fsum(c.energy_j for c in spent.charges if c.evidence == kind and is_power(c))
    modelled = ", times a modelled time" if 2 * of_time > share * spent.total_j else ""
    return f"{percent(share, 0)} rest on {kind} constants{modelled}"


def times_rest_on(simulation: Simulation) -> str:
    """Return how many constants of times are of which kind."""
    kinds = [c.fact.kind for c in simulation.constants if c.table in ("latency", "network")]
    known = [f"{kinds.count(kind)} {kind}" for kind in EVIDENCE if kind in kinds]
    return f"Times rest on {', '.join(known)} constants." if known else ""


def constant_tables(
    simulation: Simulation,
) -> tuple[tuple[str, tuple[tuple[str, str, str, str, str], ...]], ...]:
    """Return the constants by table: (name, value with its unit, kind, source, note)."""
    return tuple(
        (table, tuple(map(_constant, constants)))
        for table, constants in groupby(simulation.constants, key=lambda c: c.table)
    )


def _constant(constant: Constant) -> tuple[str, str, str, str, str]:
    fact = constant.fact
    name = constant.name.removesuffix("_j").removesuffix("_s").removesuffix("_w")
    return name.replace("_", " "), value_of(constant), fact.kind, fact.source, fact.note


def value_of(constant: Constant) -> str:
    """Return a constant with its unit."""
    fact = constant.fact
    if isinstance(fact.value, tuple):
        pairs = (f"{seconds(time)} from {_plural(least, 'router')}" for least, time in fact.value)
        return ", ".join(pairs)
    in_words = {"J": energy, "s": seconds, "W": power}.get(fact.unit)
    if in_words is not None:
        return in_words(float(fact.value))
    number = count(fact.value) if isinstance(fact.value, int) else three_digits(fact.value)
    return f"{number} {fact.unit}".strip()


def against_twins(
    total_j: float, accounts: Sequence[Estimate | None]
) -> tuple[tuple[float, float], ...]:
    """Return (joules, times less on the chip) of every ANN twin of other accounts."""
    twins = dict.fromkeys(account.ann_j for account in accounts if account is not None)
    return tuple((ann_j, ann_j / total_j) for ann_j in twins if ann_j and total_j)


def beside_the_ann(simulation: Simulation, target: str, accounts: Sequence[Estimate | None]) -> str:
    """Return how a chip's joules lie to the twins of other accounts, in a line."""
    total_j = simulation.energy.total_j
    found = [
        f"{saving(ratio)} than {energy(ann_j)}" for ann_j, ratio in against_twins(total_j, accounts)
    ]
    return (
        f"{target}, simulated: {energy(total_j)}, {' and '.join(found)} of the ANN. Apples to "
        f"oranges, and {rests_on(simulation)}."
    )


def not_alike(simulation: Simulation, accounts: Sequence[Estimate | None]) -> str:
    """Return why that is no fair comparison; nothing where there is none."""
    if not against_twins(simulation.energy.total_j, accounts):
        return ""
    return (
        "This is not like for like with the accounts above. They price operations in 45 nm, of "
        "the ANN twin too, and memory only in one of them; here a whole chip is priced, its "
        "memory, network and leakage included, as an ANN's chip would have to be. Of the joules "
        f"{rests_on(simulation)}."
    )


def simulated(simulation: Simulation) -> dict[str, object]:
    """Return everything that the page says of a run."""
    return {
        "run": simulation,
        "lead": lead(simulation),
        "figures": figures(simulation),
        "groups": energy_groups(simulation),
        "charges": charge_rows(simulation),
        "layers": layer_rows(simulation),
        "links_j": simulation.energy.links_j,
        "grouped": len(simulation.layers) > LISTED_LAYERS,
        "top": TOP_LAYERS,
        "steps": step_rows(simulation),
        "waits": wait_rows(simulation),
        "balance": balance(simulation),
        "drawings": drawings(simulation),
        "cores": core_rows(simulation),
        "links": busiest_links(simulation, LISTED_LINKS),
        "evidence": evidence_rows(simulation),
        "times_rest_on": times_rest_on(simulation),
        "constants": constant_tables(simulation),
        "assumes": ASSUMES,
        "leaves_out": LEAVES_OUT,
    }


def _plural(number: int, noun: str) -> str:
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"
