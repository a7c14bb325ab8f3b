"""What is compiled is kept on the disk, where there is a place for it."""

from collections.abc import Callable
from typing import Any

import pytest

from snn_deploy.simulation.chip import compiled


def twice(x: int) -> int:
    return 2 * x


def test_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba then refuses to keep anything, before it compiles."""
    asked: list[dict[str, Any]] = []
    plain = compiled.njit

    def refusing(**options: Any) -> Callable[..., Any]:
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'twice': no locator available")
        return plain(**options)

    monkeypatch.setattr(compiled, "njit", refusing)
    assert compiled.kept(fastmath=False)(twice)(21) == 42
    assert asked == [{"cache": True, "fastmath": False}, {"fastmath": False}]


def test_it_is_kept_where_it_can_be() -> None:
    made = compiled.kept()(twice)
    assert made(4) == 8
    assert made.stats.cache_path  # type: ignore[attr-defined]
