"""A chip as a drawing: cores at their routers, links between them, coloured by what they do.

Everything is in units of the drawing, which a page stretches; a router is `CELL` wide.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

from snn_deploy.simulation.chip.result import DIRECTIONS

from .chip import RESOURCES
from .simulated import Floor, Link, SimulatedCore, Simulation
from .wording import count, percent, seconds, short_count

CELL = 12.0
GAP = 9.0
"""Between chips, room for their names."""
INSET = 0.7
LANE = 1.1
"""How far the two directions of a link lie beside its middle."""
THINNEST, THICKEST = 0.35, 1.9

TILES_ACROSS = 100
"""Where more tiles than this stand side by side, routers are drawn instead: on a telephone's width
of 330 pixels a tile would be under 3."""

HALF_PAGE = 40
"""So many routers side by side are seen on half a page."""

LEVELS = 9
FAINTEST_WIRE = 2
"""Lines are thin, so that they begin with a stronger colour than areas."""

NAMED = 3
"""So many populations of a core are named."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A core, or all cores of a router. level: of the colour; None is a core that is not used."""

    x: float
    y: float
    size: float
    level: int | None = None
    title: str = ""
    most: bool = False


@dataclass(frozen=True, slots=True)
class Wire:
    """A direction of a link: a line."""

    x1: float
    y1: float
    x2: float
    y2: float
    width: float
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Chip:
    """The outline of a chip, and its name where there are several."""

    x: float
    y: float
    width: float
    height: float
    name: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A map of all chips.

    Attributes:
        title: above it.
        width, height: of the drawing.
        chips: their outlines.
        tiles: cores or routers; of a map of traffic, the routers.
        wires: of a map of traffic, the least loaded first.
        levels: the colours, in their order.
        low, high: their ends, as text.
        about: what it shows, for who cannot see it.
        wide: too wide for half a page.
    """

    title: str
    width: float
    height: float
    chips: tuple[Chip, ...]
    tiles: tuple[Tile, ...]
    wires: tuple[Wire, ...]
    levels: range
    low: str
    high: str
    about: str
    wide: bool


def drawings(simulation: Simulation) -> tuple[Drawing, ...]:
    """Return maps of how full cores are, if that is known, how busy, and of the traffic."""
    found = []
    if all(core.fullest is not None for core in simulation.cores):
        found.append(
            _cores(
                simulation,
                "How full each core is",
                lambda core: 0.0 if core.fullest is None else core.fullest[1],
                1.0,
                "the resource of which it uses most",
            )
        )
    busiest_s = max(core.busy_s for core in simulation.cores)
    found.append(
        _cores(
            simulation,
            "How long each core works",
            lambda core: core.busy_s / simulation.inference_s,
            busiest_s / simulation.inference_s,
            "share of the time of an inference",
        )
    )
    return (*found, _traffic(simulation))


def level(share: float, first: int = 0) -> int:
    """Return the colour of a share of the largest value."""
    return min(LEVELS - 1, first + int(share * (LEVELS - first)))


def told(core: SimulatedCore, inference_s: float) -> str:
    """Return what there is to say of a core."""
    names = ", ".join(core.layers[:NAMED])
    more = f" and {len(core.layers) - NAMED} more" if len(core.layers) > NAMED else ""
    full = ""
    if core.fullest is not None:
        resource, share = core.fullest
        full = f", {percent(share, 0)} of {RESOURCES.get(resource, resource)}"
    return (
        f"core {core.core}: {names}{more}; {count(core.neurons)} neurons{full}; works "
        f"{percent(core.busy_s / inference_s, 0)} of the time, {seconds(core.neurons_s)} for its "
        f"neurons, {seconds(core.messages_s)} for {short_count(core.received)} messages; "
        f"{short_count(core.events)} synaptic events"
    )


def _cores(
    simulation: Simulation,
    title: str,
    value: Callable[[SimulatedCore], float],
    most: float,
    what: str,
) -> Drawing:
    floor, inference_s = simulation.floor, simulation.inference_s
    side = ceil(sqrt(floor.router_cores))
    if floor.columns * side > TILES_ACROSS:
        tiles = tuple(_routers(simulation, value, most, inference_s))
    else:
        tiles = (*_free(simulation, side), *_tiles(simulation, side, value, most, inference_s))
    values = [value(core) for core in simulation.cores]
    about = (
        f"{title}, {what}: {count(len(values))} cores, from {percent(min(values), 0)} to "
        f"{percent(max(values), 0)}; the table below has the numbers"
    )
    ends = "0 %", percent(most, 0)
    return Drawing(
        title, *_size(floor), _chips(floor), tiles, (), range(LEVELS), *ends, about, _wide(floor)
    )


def _tiles(
    simulation: Simulation,
    side: int,
    value: Callable[[SimulatedCore], float],
    most: float,
    inference_s: float,
) -> Iterator[Tile]:
    floor = simulation.floor
    busiest = max(simulation.cores, key=value)
    for core in simulation.cores:
        x, y, size = _place(floor, side, core.row, core.column, core.core)
        text = told(core, inference_s)
        shade = level(value(core) / most if most else 0.0)
        yield Tile(x, y, size, shade, text, core is busiest)


def _free(simulation: Simulation, side: int) -> Iterator[Tile]:
    """Yield the cores that hold nothing."""
    floor = simulation.floor
    used = {core.core for core in simulation.cores}
    for chip, (first_row, first_column) in enumerate(floor.chips):
        for within in range(floor.chip_cores):
            core = chip * floor.chip_cores + within
            if core not in used:
                row, column = divmod(within // floor.router_cores, floor.chip_columns)
                yield Tile(*_place(floor, side, first_row + row, first_column + column, core))


def _routers(
    simulation: Simulation,
    value: Callable[[SimulatedCore], float],
    most: float,
    inference_s: float,
) -> Iterator[Tile]:
    """Yield the routers in use, each as its core with the largest value."""
    at: dict[tuple[int, int], list[SimulatedCore]] = {}
    for core in simulation.cores:
        at.setdefault((core.row, core.column), []).append(core)
    busiest = max(simulation.cores, key=value)
    for (row, column), cores in at.items():
        top = max(cores, key=value)
        x, y = _corner(simulation.floor, row, column)
        others = f"; the most of {len(cores)} cores here" if len(cores) > 1 else ""
        shade = level(value(top) / most if most else 0.0)
        text = f"{told(top, inference_s)}{others}"
        yield Tile(x + INSET, y + INSET, CELL - 2 * INSET, shade, text, top is busiest)


def _traffic(simulation: Simulation) -> Drawing:
    floor, links = simulation.floor, simulation.links
    most = links[0].flits if links else 0.0
    steps = len(simulation.steps)
    wires = tuple(_wire(simulation, link, most) for link in reversed(links))
    used = {(core.row, core.column) for core in simulation.cores} | {(0, 0)}
    size = CELL / 4
    tiles = []
    for row, column in _all_routers(floor):
        x, y = _middle(floor, row, column)
        here = (row, column) in used
        text = _router_title(simulation, row, column) if here else ""
        tiles.append(Tile(x - size / 2, y - size / 2, size, None, text))
    high = f"{short_count(most / steps)} flits a step"
    about = (
        f"Traffic: {count(len(links))} links in use, the busiest with {high}; "
        "the list beside it has the numbers"
    )
    return Drawing(
        "Traffic between routers",
        *_size(floor),
        _chips(floor),
        tuple(tiles),
        wires,
        range(FAINTEST_WIRE, LEVELS),
        "0",
        high,
        about,
        _wide(floor),
    )


def _all_routers(floor: Floor) -> Iterator[tuple[int, int]]:
    for row, column in floor.chips:
        for place in range(floor.chip_rows * floor.chip_columns):
            down, right = divmod(place, floor.chip_columns)
            yield row + down, column + right


def _router_title(simulation: Simulation, row: int, column: int) -> str:
    here = [str(c.core) for c in simulation.cores if (c.row, c.column) == (row, column)]
    cores = f": cores {', '.join(here)}" if here else ""
    host = ""
    if (row, column) == (0, 0) and simulation.hosted:
        host = f"; the host's {short_count(simulation.hosted)} messages of an inference enter here"
    return f"router {row}, {column}{cores}{host}"


_AHEAD: Mapping[str, tuple[int, int]] = {
    "east": (0, 1),
    "west": (0, -1),
    "south": (1, 0),
    "north": (-1, 0),
}
assert tuple(_AHEAD) == DIRECTIONS, "every direction leads somewhere"


def far_end(link: Link) -> tuple[int, int]:
    """Return the router that a link leads to."""
    down, right = _AHEAD[link.direction]
    return link.row + down, link.column + right


def link_share(simulation: Simulation, link: Link) -> float:
    """Return the share of the time that a link passes flits."""
    return link.flits * simulation.flit_s / simulation.inference_s


def _wire(simulation: Simulation, link: Link, most: float) -> Wire:
    floor = simulation.floor
    down, right = _AHEAD[link.direction]
    x1, y1 = _middle(floor, link.row, link.column)
    x2, y2 = _middle(floor, *far_end(link))
    # Each direction keeps to its right, and both stop short of the router.
    aside_x, aside_y = -down * LANE, right * LANE
    short = CELL / 8
    load = link.flits / most
    row, column = far_end(link)
    kind = ", to another chip" if link.far else ""
    title = (
        f"router {link.row}, {link.column} to {row}, {column}{kind}: "
        f"{short_count(link.flits / len(simulation.steps))} flits a step, busy "
        f"{percent(link_share(simulation, link), 1)} of the time"
    )
    return Wire(
        _round(x1 + aside_x + short * right),
        _round(y1 + aside_y + short * down),
        _round(x2 + aside_x - short * right),
        _round(y2 + aside_y - short * down),
        round(THINNEST + (THICKEST - THINNEST) * load, 2),
        level(load, FAINTEST_WIRE),
        title,
    )


def _chips(floor: Floor) -> tuple[Chip, ...]:
    size = floor.chip_columns * CELL, floor.chip_rows * CELL
    several = len(floor.chips) > 1
    return tuple(
        Chip(*_corner(floor, *corner), *size, f"chip {number}" if several else "")
        for number, corner in enumerate(floor.chips)
    )


def _wide(floor: Floor) -> bool:
    return floor.columns > HALF_PAGE


def _size(floor: Floor) -> tuple[float, float]:
    x, y = _corner(floor, floor.rows - 1, floor.columns - 1)
    return x + CELL + 1, y + CELL + 1


def _corner(floor: Floor, row: int, column: int) -> tuple[float, float]:
    """Return the upper left corner of a router."""
    several = GAP if len(floor.chips) > 1 else 0.0
    x = 1 + column * CELL + several * (column // floor.chip_columns)
    y = 1 + row * CELL + several * (1 + row // floor.chip_rows if several else 0)
    return x, y


def _middle(floor: Floor, row: int, column: int) -> tuple[float, float]:
    x, y = _corner(floor, row, column)
    return x + CELL / 2, y + CELL / 2


def _place(floor: Floor, side: int, row: int, column: int, core: int) -> tuple[float, float, float]:
    """Return where a core is drawn, and how large."""
    x, y = _corner(floor, row, column)
    size = (CELL - 2 * INSET) / side
    down, right = divmod(core % floor.chip_cores % floor.router_cores, side)
    x, y = x + INSET + right * size, y + INSET + down * size
    return _round(x + 0.2), _round(y + 0.2), _round(size - 0.4)


def _round(value: float) -> float:
    return round(value, 2)


def busiest_links(simulation: Simulation, number: int) -> Sequence[tuple[str, str, str, bool]]:
    """Return (from and to, flits a step, share of the time, to another chip) of some links."""
    return [
        (
            f"{link.row}, {link.column} \N{RIGHTWARDS ARROW} {row}, {column}",
            short_count(link.flits / len(simulation.steps)),
            percent(link_share(simulation, link), 1),
            link.far,
        )
        for link in simulation.links[:number]
        for row, column in [far_end(link)]
    ]
