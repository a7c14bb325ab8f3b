"""What the page shows of a chip: a verdict, a sentence or two, and how full the cores are."""

from .chip import RESOURCES, fullest, latency, shortcuts, where
from .sections import ChipSection, CoresSection, TargetSection
from .views import Card, Row, Segment, card
from .wording import count, percent, three_digits


def fits(chip: ChipSection | None, target: TargetSection | None) -> tuple[Card, ...]:
    """Return the verdict on the capacity; none where nothing was placed."""
    if chip is None or chip.cores is None or target is None:
        return ()
    cores = chip.cores
    chips = "1 chip" if cores.chips == 1 else f"{count(cores.chips)} chips"
    return (
        card(
            f"Fits {target.name}?",
            f"Yes, {count(cores.used)} cores",
            "good",
            f"on {chips} with {count(cores.available)}; every limit kept.",
            f"{fullest(cores).capitalize()}.",
        ),
    )


def sentences(chip: ChipSection, steps: int) -> tuple[str, ...]:
    """Return what there is to say, a sentence each."""
    found = [
        f"{count(chip.populations)} populations of neurons, {count(chip.synapses)} layers of "
        f"synapses, delays up to {count(chip.longest_delay)} steps beyond the one of every hop.",
    ]
    if chip.strategy:
        found.append(f"Shortcuts are {shortcuts(chip)}.")
    found.append(f"{latency(chip, steps).capitalize()} chip steps.")
    if chip.cores is not None:
        found.append(f"Cores: {where(chip.cores)}. {traffic(chip.cores)}")
    return tuple(found)


def traffic(cores: CoresSection) -> str:
    """Return how far messages go."""
    return (
        f"A message between cores passes {three_digits(cores.mean_hops)} links on average; "
        f"{count(cores.max_link_load)} messages a step cross the busiest."
    )


def use_rows(chip: ChipSection) -> tuple[Row, ...]:
    """Return a bar for every resource: the core that uses most of it."""
    if chip.cores is None:
        return ()
    rows = []
    for name, use in chip.cores.utilization.items():
        share = use.used / use.limit
        note = f"{count(use.used)} of {count(use.limit)}, core {use.worst_core}"
        segment = Segment(name, round(100 * share, 2), "c2", "", note)
        rows.append(Row(RESOURCES.get(name, name), percent(share, 0), note, (segment,)))
    return tuple(rows)
