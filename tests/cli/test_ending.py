"""Every way to end, as an exit code and one line."""

import io
import sys
from collections.abc import Callable

import pytest
import typer

from snn_deploy import errors
from snn_deploy.cli import ending
from tests.house.tree import run_python

RAISED: list[tuple[Callable[[], BaseException], int, str]] = [
    (lambda: errors.UsageError("it is so", "do that"), 2, "it is so; do that"),
    (lambda: errors.ModelError("net.pt", "is empty", "save it"), 3, "net.pt: is empty; save it"),
    (lambda: errors.TraceError("conv1", "sort", "leave it out"), 3, "conv1: sort; leave it out"),
    (
        lambda: errors.UnsupportedError("pool", "MaxPool", "lava", "it has none"),
        3,
        "pool: the lava converter cannot express MaxPool; it has none",
    ),
    (
        lambda: errors.CapacityError("loihi", [("core 17", "bytes", 131072, 65536)]),
        4,
        "core 17: needs 131,072 bytes, loihi has 65,536",
    ),
    (
        lambda: errors.CapacityError("loihi", [("lif", "words", 9, 8)] * 1032, "take two chips"),
        4,
        "; ".join(["lif: needs 9 words, loihi has 8"] * 30) + "; and 1,002 more; take two chips",
    ),
    (
        lambda: errors.MappingError("loihi", [("a", "rounds", "relay"), ("b", "adds", "relay")]),
        3,
        "loihi: a: rounds; b: adds; relay",
    ),
    (
        lambda: errors.ValidationError("step form", "layer 'lif'", 1, 0),
        5,
        "step form: layer 'lif': expected 1, observed 0; nothing was exported",
    ),
    (
        lambda: errors.MissingDependencyError("the onnx converter", "onnx", "onnx"),
        6,
        "the onnx converter needs the package 'onnx'; install snn-deploy[onnx]",
    ),
    (
        lambda: errors.MissingToolError("building", "a compiler", "install g++"),
        6,
        "building needs a compiler; install g++",
    ),
    (
        lambda: errors.BuildError("a.cpp", "g++", ["1: error: b", "2: error: c"]),
        9,
        "a.cpp: g++ does not take it, it says: 1: error: b | 2: error: c; name another compiler",
    ),
    (
        lambda: errors.ExecutorError("run_net.py", "ended with code 1", ["a.py", "ValueError: b"]),
        7,
        "run_net.py ended with code 1; its last words: a.py | ValueError: b",
    ),
    (
        lambda: errors.ConditionError([("a > 1", ["a = 2"]), ("1 < 2", [])]),
        8,
        "--fail-if holds: a > 1, a = 2; 1 < 2; the comparison says what changed",
    ),
    (lambda: errors.GraphError("net", "conv", "is nowhere"), 70, "node 'conv': is nowhere"),
    (
        lambda: ModuleNotFoundError("No module named 'torch'", name="torch.nn"),
        6,
        "snn-test needs the package 'torch'; install snn-deploy[torch]",
    ),
    (
        lambda: PermissionError(13, "Permission denied", "far/net.pt"),
        2,
        "far/net.pt: Permission denied; check the path, its permissions and the space left",
    ),
    (lambda: OSError(28, "No space left on device"), 2, "No space left on device; check the path"),
    (lambda: MemoryError(), 70, "out of memory; give fewer --samples, or a smaller network"),
]


def program(run: Callable[[], None]) -> typer.Typer:
    made = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    made.command()(run)
    return made


def ended(cause: BaseException | None, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    def command() -> None:
        if cause is not None:
            raise cause

    code = ending.guarded(program(command), "snn-test", [])
    written = capsys.readouterr()
    assert written.out == ""
    return code, written.err.splitlines()


@pytest.mark.parametrize(("cause", "code", "text"), RAISED)
def test_errors_of_ours(
    cause: Callable[[], BaseException], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, lines = ended(cause(), capsys)
    assert (found, len(lines)) == (code, 1)
    assert lines[0].startswith("error: ")
    assert text in lines[0]


def test_every_error_has_its_code() -> None:
    def families(kind: type[errors.SnnDeployError]) -> set[int]:
        return {kind.exit_code}.union(*(families(each) for each in kind.__subclasses__()))

    assert families(errors.SnnDeployError) == {1, 2, 3, 4, 5, 6, 7, 8, 9, 70}


def test_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(None, capsys) == (0, [])


@pytest.mark.parametrize(
    "cause", [ValueError("three\nlines\nlong"), ModuleNotFoundError("no x", name="x"), OSError()]
)
def test_bugs_of_ours(cause: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = ended(cause, capsys)
    assert (code, len(lines)) == (70, 2)
    assert lines[0].startswith(f"error: this is a bug of ours ({type(cause).__name__}: ")
    assert "SNN_DEPLOY_DEBUG=1" in lines[1]


@pytest.mark.parametrize("cause", [ValueError("three"), errors.UsageError("it is", "do")])
def test_a_traceback_for_who_asks(
    cause: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNN_DEPLOY_DEBUG", "1")
    code, lines = ended(cause, capsys)
    assert lines[0].startswith("Traceback")
    assert code == (70 if isinstance(cause, ValueError) else 2)


def test_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(KeyboardInterrupt(), capsys) == (
        130,
        ["interrupted: nothing half-written is left"],
    )


def test_a_log_level_that_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNN_DEPLOY_LOG", "loud")
    assert ended(None, capsys) == (
        2,
        ["error: SNN_DEPLOY_LOG cannot be 'LOUD'; give DEBUG, INFO or WARNING"],
    )


def test_characters_that_the_terminal_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)

    def command() -> None:
        sys.stdout.write("28.5 \N{MICRO SIGN}J\n")

    assert ending.guarded(program(command), "snn-test", []) == 0
    assert output.buffer.getvalue() == b"28.5 ?J\n"  # type: ignore[attr-defined]


def test_torch_is_not_installed() -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from snn_deploy.cli import main\n"
        "sys.exit(main(['models']))\n"
    )
    result = run_python(code)
    assert (result.returncode, result.stderr) == (
        6,
        "error: snn-deploy needs the package 'torch'; install snn-deploy[torch]\n",
    )
