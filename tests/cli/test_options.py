"""What can be typed, and what `--help` says of it."""

import re
import resource
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from snn_deploy import pipeline
from snn_deploy.cli.given import Given, plan
from snn_deploy.errors import UsageError
from tests.house.tree import run_python
from tests.journeys.command import deploy, export

PANELS = {
    "Input": {"data", "samples", "calibration", "calibration-samples", "steps", "mean", "std"}
    | {"arch", "model", "trust-pickle", "event-step-us", "event-limit", "event-shape"}
    | {"fires-at-equality"},
    "Quantisation": {"weight-bits", "per-channel", "input-bits", "current-bits"},
    "ONNX": {"form", "inline", "float"},
    "Chip": {"residual", "lava-samples", "chip-samples", "tier", "workers"},
    "Output": {
        "target",
        "to",
        "output",
        "force",
        "float-accuracy",
        "keep-stages",
        "json",
        "quiet",
    },
    "Options": {"version", "help"},
}


def panels(text: str) -> dict[str, set[str]]:
    """Return the options in each panel of a help text."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if title := re.match(r"╭─ (\w+) ─", line):
            options = found.setdefault(title[1], set())
        elif option := re.match(r"│ \*? +--([\w-]+)|│ --([\w-]+)", line):
            options.add(option[1] or option[2])
    return found


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_options_are_in_panels() -> None:
    ended = export("--help")
    assert (ended.code, ended.err) == (0, "")
    found = panels(ended.out)
    assert {name: found[name] for name in PANELS} == PANELS
    assert all(len(line) <= 80 for line in ended.out.splitlines())


def test_validate_says_where_its_report_goes() -> None:
    text = " ".join(deploy("validate", "--help").out.replace("│", " ").split())
    assert "A folder to make for report.html and report.json; none otherwise." in text
    assert "build/<model>" not in text


@pytest.mark.parametrize(
    "verb", ["export", "validate", "inspect", "train", "targets", "models", "build-ops"]
)
def test_every_verb_has_help(verb: str) -> None:
    ended = deploy(verb, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"Usage: snn-deploy {verb}" in ended.out


def test_version() -> None:
    ended = export("--version")
    assert (ended.code, ended.err) == (0, "")
    assert re.fullmatch(r"snn-deploy \d+\.\d+\.\d+\n", ended.out)
    assert deploy("--version") == ended


@pytest.mark.parametrize("verb", [(), ("export",), ("validate",), ("inspect",), ("train",)])
def test_nothing_typed_is_help_and_an_error(verb: tuple[str, ...]) -> None:
    ended = deploy(*verb)
    assert (ended.code, ended.err) == (2, "")
    assert " ".join(["Usage:", "snn-deploy", *verb]) in ended.out
    alone = export()
    assert (alone.code, "Usage: snn-export" in alone.out) == (2, True)


def test_unknown_verbs_are_named() -> None:
    ended = deploy("quantise")
    assert (ended.code, ended.complaint) == (
        2,
        "no such command 'quantise'; see `snn-deploy --help`",
    )
    assert deploy("exprot").complaint == (
        "no such command 'exprot'; did you mean 'export'; see `snn-deploy --help`"
    )


def test_help_is_quick() -> None:
    """Loading nothing heavy is what counts (tests/house/test_help.py); this is a wide margin."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    result = run_python("from snn_deploy.cli import export_main; export_main(['--help'])")
    spent_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert result.returncode == 0
    assert spent_s < 1.0


def test_a_plan_names_a_converter_by_hand() -> None:
    given = Given(model=Path("net.pt"), data=Path("d.npz"), to="onnx", form="step", inline=True)
    asked = plan(given)
    assert (asked.target.name, asked.converter.name) == ("onnx", "onnx")
    assert (asked.converter.forms, asked.converter.inline) == (("step",), True)  # type: ignore[attr-defined]
    assert given.folder == Path("build/net-onnx")


@pytest.mark.parametrize(
    ("target", "to", "widths"),
    [
        ("onnx", None, (15, 32)),
        ("lava", None, (15, 24)),
        ("lava", "net", (11, 24)),
        ("loihi", None, (13, 24)),
        ("loihi2", None, (14, 24)),
        ("loihi2", "net", (11, 24)),
        ("loihi2", "onnx", (14, 24)),
    ],
)
def test_widths_are_those_of_the_target(
    target: str, to: str | None, widths: tuple[int, int]
) -> None:
    given = Given(model=Path("net.pt"), data=Path("d.npz"), target=target, to=to)
    chosen = plan(given).options.quantization
    assert (chosen.current_bits, chosen.sum_bits) == widths
    own = replace(given, current_bits=9)
    assert plan(own).options.quantization.current_bits == 9


def test_the_samples_of_a_simulation_can_be_chosen() -> None:
    given = Given(model=Path("net.pt"), data=Path("d.npz"), target="lava", lava_samples=7)
    assert plan(given).converter.limit == 7  # type: ignore[attr-defined]
    with pytest.raises(UsageError) as caught:
        plan(replace(given, target="onnx"))
    assert caught.value.remedy == "leave it out, or give --to lava"


def test_options_of_another_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Plain:
        name: str = "plain"

    monkeypatch.setattr(pipeline, "find_converter", lambda name: Plain())
    given = Given(model=Path("net.pt"), data=Path("d.npz"), form="step", inline=True)
    with pytest.raises(UsageError) as caught:
        plan(given)
    assert caught.value.problem == "the plain converter has no --form and --inline"


def test_no_heavy_package_is_loaded_for_a_complaint() -> None:
    code = (
        "import sys\n"
        "from snn_deploy.cli import export_main\n"
        "assert export_main(['net.pt', '--data', 'd.npz', '--target', 'loihi9']) == 2\n"
        "assert export_main(['net.pt', '--data', 'd.npz']) == 2\n"
        "assert 'torch' not in sys.modules\n"
    )
    result = run_python(code)
    assert result.returncode == 0, result.stderr
    assert "there is no file 'd.npz'" in result.stderr
