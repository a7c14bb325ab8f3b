"""Which of our architectures a state dict is of, by its keys and shapes."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from snn_deploy.errors import ModelError, UsageError
from snn_deploy.models import ARCHITECTURES, build, shortcuts

from .checkpoint_file import MAX_CLASSES

_OPTIONAL = ".num_batches_tracked"
_SHOWN = 5
Shapes = Mapping[str, tuple[int, ...]]


def identify(
    weights: Mapping[str, Tensor], architecture: str | None, where: str
) -> tuple[str, dict[str, Any]]:
    """Return the architecture and the options that the weights fit.

    Args:
        weights: the state dict.
        architecture: the only one to be considered, or None for all.
        where: they are from.

    Raises:
        UsageError: no such architecture.
        ModelError: none fits, or more than one; the text compares with the nearest.
    """
    if architecture not in (None, *ARCHITECTURES):
        known = ", ".join(ARCHITECTURES)
        raise UsageError(f"no architecture '{architecture}'", f"known: {known}")
    names = ARCHITECTURES if architecture is None else [architecture]
    classes, found = _classes(weights), _shapes(weights)
    usual = [(name, {"classes": classes}) for name in names]
    special = [(n, o | {"shortcut": s}) for n, o in usual for s in shortcuts(n)]
    for candidates in (usual, special):
        fitting = [c for c in candidates if not _differences(found, *c)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise _ambiguous(where, fitting)
    raise _misfit(found, where, *max(usual, key=lambda c: _likeness(found, *c)))


def _ambiguous(where: str, fitting: Sequence[tuple[str, Mapping[str, Any]]]) -> ModelError:
    texts = [f"{name} {options.get('shortcut', '')}".strip() for name, options in fitting]
    return ModelError(
        where,
        f"its weights fit {', '.join(texts)}",
        "say which with --arch NAME, or save a checkpoint, which says it",
    )


def _likeness(found: Shapes, architecture: str, options: Mapping[str, Any]) -> tuple[int, int]:
    expected = _expected(architecture, options["classes"], options.get("shortcut"))
    common = sum(found.get(name) == shape for name, shape in expected.items())
    return common, -len(_compare(found, expected))


def check(
    weights: Mapping[str, Tensor], architecture: str, options: Mapping[str, Any], where: str
) -> None:
    """Refuse weights that do not fit an architecture with these options.

    Raises:
        ModelError: they do not, or there is no such option.
    """
    sized = {k: v for k, v in options.items() if k != "steps"}
    try:
        wrong = _differences(_shapes(weights), architecture, sized)
    except (TypeError, ValueError) as error:
        raise ModelError(
            where, f"its config does not fit {architecture} ({error})", "mend it"
        ) from error
    if wrong:
        raise _misfit(_shapes(weights), where, architecture, sized)


def load_into(module: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Fill a module with weights.

    Raises:
        ModelError: names or shapes differ; at most five of each kind are named.
    """
    expected = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    found = _shapes(weights)
    if _compare(found, expected):
        raise ModelError(
            where, _listed(found, expected, type(module).__name__), "load weights of this network"
        )
    module.load_state_dict(dict(weights), strict=False)


def _classes(weights: Mapping[str, Tensor]) -> int:
    weight = weights.get("fc.weight")
    if weight is None or weight.dim() != 2 or not 1 <= len(weight) <= MAX_CLASSES:
        return 10
    return len(weight)


def _shapes(weights: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(t.shape) for name, t in weights.items()}


@cache
def _expected(architecture: str, classes: int, shortcut: str | None) -> Shapes:
    options = {"classes": classes} | ({"shortcut": shortcut} if shortcut else {})
    with torch.device("meta"):
        return _shapes(build(architecture, **options).state_dict())


def _differences(found: Shapes, architecture: str, options: Mapping[str, Any]) -> Sequence[str]:
    classes, shortcut = options.get("classes", 10), options.get("shortcut")
    return _compare(found, _expected(architecture, classes, shortcut))


def _compare(found: Shapes, expected: Shapes) -> Sequence[str]:
    """Return the names that are missing, left over or of another shape."""
    return [
        name
        for name in found.keys() | expected.keys()
        if found.get(name) != expected.get(name)
        and not (name not in found and name.endswith(_OPTIONAL))
    ]


def _misfit(found: Shapes, where: str, architecture: str, options: Mapping[str, Any]) -> ModelError:
    expected = _expected(architecture, options.get("classes", 10), options.get("shortcut"))
    shortcut = f" with shortcut '{options['shortcut']}'" if options.get("shortcut") else ""
    return ModelError(
        where,
        _listed(found, expected, architecture + shortcut),
        "choose the right --arch, or give your own code with --model package.module:function",
    )


def _listed(found: Shapes, expected: Shapes, what: str) -> str:
    wrong = _compare(found, expected)
    order = list(expected) + [name for name in found if name not in expected]
    wrong = sorted(wrong, key=order.index)
    kinds = {
        "missing": [n for n in wrong if n not in found],
        "left over": [n for n in wrong if n not in expected],
        "of another shape": [
            f"{n} {list(found[n])} instead of {list(expected[n])}"
            for n in wrong
            if n in found and n in expected
        ],
    }
    parts = [
        f"{len(names)} {kind} ({', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''})"
        for kind, names in kinds.items()
        if names
    ]
    return f"its state dict does not fit {what}: {'; '.join(parts)}"
