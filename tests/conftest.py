"""What every test may ask for: random numbers, golden files, the shared data."""

import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"

# Hypothesis searches the same examples in every run and is never late on a busy machine.
hypothesis.settings.register_profile("house", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write tests/golden anew from what the program says now; then read the diff",
    )


@pytest.fixture
def rng() -> np.random.Generator:
    """The only source of random numbers in tests."""
    return np.random.default_rng(20)


@pytest.fixture(autouse=True)
def same_torch_seed() -> None:
    """Modules made in a test start with the same weights in every run, if torch is in use."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(20)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with a file: `golden("folded_block.txt", text)`."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if not path.exists():
            pytest.fail(f"{path} is missing; run pytest --update-golden and read what it writes")
        assert text == path.read_text(encoding="utf-8"), (
            f"differs from {path}; if the change is meant, run pytest --update-golden"
        )

    return check


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real data sets, which lies beside the repository and not in it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data beside the repository")
    return folder
