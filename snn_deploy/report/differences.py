"""Why two reports may not be one network before and after a change: said before any figure."""

from collections.abc import Iterator

from .reading import Scalar, Written, is_number
from .wording import count

_NETWORK = {
    "model.architecture": "architecture",
    "model.parameters": "parameters",
    "model.neurons": "neurons",
    "model.spiking_layers": "spiking layers",
    "model.event_step_us": "microseconds of a step of events",
    "model.event_limit": "highest count of events",
}

_DIGITS = 8
"""Of a checksum, enough to tell two apart."""


def differences(before: Written, after: Written) -> tuple[str, ...]:
    """Return what else differs between two reports, the gravest first."""
    return (
        *_of_parts(before, after),
        *_of_networks(before, after),
        *_of_steps(before, after),
        *_of_targets(before, after),
        *_of_tiers(before, after),
        *_of_samples(before, after),
        *_of_tools(before, after),
    )


def unjudged_models(before: Written, after: Written) -> str:
    """Say why energy and time of a chip are no change of the network; nothing where they are."""
    if _differ("target.constants_sha256", before, after) or _differ("target.name", before, after):
        return "constants differ"
    return "tiers differ" if _tiers_differ(before, after) else ""


def _differ(path: str, before: Written, after: Written) -> bool:
    return before.value(path) != after.value(path)


def _pair(path: str, before: Written, after: Written) -> str:
    """Return `200 and 100`, checksums shortened."""
    return " and ".join(_shown(side.value(path), path) for side in (before, after))


def _shown(value: Scalar | None, path: str) -> str:
    if value is None:
        return "none"
    if path.endswith("_sha256"):
        return f"{str(value)[:_DIGITS]}…"
    return count(value) if is_number(value) else str(value)


def _of_parts(before: Written, after: Written) -> Iterator[str]:
    for side in (before, after):
        if True in (side.value("partial"), side.value("simulation.partial")):
            yield f"{side.where} is of a run that was stopped before all samples were done."


def _of_networks(before: Written, after: Written) -> Iterator[str]:
    told = [
        f"{noun} {_pair(path, before, after)}"
        for path, noun in _NETWORK.items()
        if _differ(path, before, after)
    ]
    shapes = [_shape(side) for side in (before, after)]
    if shapes[0] != shapes[1]:
        told.append(f"input {' and '.join(shapes)}")
    if told:
        yield f"These are two networks: {', '.join(told)}."
    elif _differ("model.source_sha256", before, after):
        checksums = _pair("model.source_sha256", before, after)
        yield f"The model files differ (SHA-256 {checksums}): the weights may be others."


def _shape(side: Written) -> str:
    sizes = [leaf.value for key, leaf in side.leaves.items() if key[:2] == ("model", "input_shape")]
    return "x".join(map(str, sizes)) or "none"


def _of_steps(before: Written, after: Written) -> Iterator[str]:
    if _differ("model.steps", before, after):
        yield (
            f"T is {_pair('model.steps', before, after)}: spikes, energy and time are of "
            "inferences of different length."
        )


def _of_targets(before: Written, after: Written) -> Iterator[str]:
    names = _pair("target.name", before, after)
    if _differ("target.name", before, after):
        yield f"The targets differ ({names}): energy and time of a chip are not judged."
    elif _differ("target.constants_sha256", before, after):
        checksums = _pair("target.constants_sha256", before, after)
        yield (
            f"The constants of {before.value('target.name')} differ (SHA-256 {checksums}): energy "
            "and time of a chip are not judged, their change need not be one of the network."
        )


def _of_tiers(before: Written, after: Written) -> Iterator[str]:
    if _tiers_differ(before, after):
        tiers = _pair("latency.tier", before, after)
        yield f"Times were simulated at two tiers ({tiers}): they are not judged."


def _tiers_differ(before: Written, after: Written) -> bool:
    tiers = [side.value("latency.tier") for side in (before, after)]
    return None not in tiers and tiers[0] != tiers[1]


def _of_samples(before: Written, after: Written) -> Iterator[str]:
    sections = ("accuracy", "spikes", "simulation")
    told = [
        f"{noun} {_pair(path, before, after)}"
        for path, noun in ((f"{name}.samples", name) for name in sections)
        if before.number(path) and after.number(path) and _differ(path, before, after)
    ]
    if told:
        yield f"Measured on different numbers of samples: {', '.join(told)}."


def _of_tools(before: Written, after: Written) -> Iterator[str]:
    if _differ("tool.version", before, after):
        versions = _pair("tool.version", before, after)
        yield f"Written by two versions of snn-deploy: {versions}."
