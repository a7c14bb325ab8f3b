"""`run_samples`: a placed network and samples in, counts and times out."""

from collections.abc import Callable, Iterable
from itertools import chain

from snn_deploy.hardware import Target
from snn_deploy.ir.graph import Array
from snn_deploy.mapping.network import ChipNetwork
from snn_deploy.placement import Placement

from .machine import Machine, machine
from .marks import Marker
from .result import ChipRun, Tier, TierChoice
from .run import Simulator
from .streaming import Work, processors, simulate_samples

FEW = 3
"""Up to so many samples are sooner done than processes are begun."""

MESSAGES_BY_FLIT = 10_000_000
"""Of a sample: a flit-level step takes 0.2 to 1 microsecond a message, so a sample some seconds."""


def run_samples(
    network: ChipNetwork,
    placement: Placement,
    target: Target,
    inputs: Iterable[Array],
    *,
    asked: int,
    tier: TierChoice = "auto",
    workers: int | None = None,
    observe: Callable[[int], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> ChipRun:
    """Simulate a placed network on samples.

    Args:
        network: laid out.
        placement: of it.
        target: a chip.
        inputs: integers of each sample, [*shape] or, for a sequence, [T, *shape]; at least one.
        asked: how many they are.
        tier: how steps are timed; auto goes by the messages of the first sample.
        workers: processes that share them; one a processor unless given.
        observe: called with the number of samples done.
        stop: asked after every sample; what is done by then is returned.

    Raises:
        PlacementError: the placement is not one of this network on this target.
    """
    made = machine(network, placement, target)
    samples = iter(inputs)
    if tier == "auto":
        first = next(samples)
        tier = _affordable(network, made, first)
        samples = chain([first], samples)
    wanted = processors() if workers is None else workers
    alone = asked <= FEW and workers is None
    work = Work(network, made, tier)
    counts, times = simulate_samples(
        work, samples, 1 if alone else min(wanted, asked), observe, stop
    )
    return ChipRun(
        slots=made.slots,
        cores=made.cores,
        latency=network.latency,
        chips=placement.chips,
        counts=counts,
        times=times,
        asked=asked,
    )


def _affordable(network: ChipNetwork, made: Machine, x: Array) -> Tier:
    counts, _ = Simulator(made, "ideal").simulate(Marker(network, made).mark(x))
    return "cycle" if counts.messages <= MESSAGES_BY_FLIT else "contention"
