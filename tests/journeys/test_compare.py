"""`snn-deploy compare`, as people and CI run it."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.command import Ended, deploy, tree
from tests.report.trees import tree as report_tree


def write(path: Path, **changes: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report_tree(**changes)), encoding="utf-8")
    return path


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the present one."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def before(tmp_path: Path) -> Path:
    return write(tmp_path / "before" / "report.json")


@pytest.fixture
def after(tmp_path: Path) -> Path:
    return write(tmp_path / "after" / "report.json", accuracy__integer=0.75, spikes__total=1000)


def lines(ended: Ended) -> list[str]:
    assert (ended.code, ended.err) == (0, "")
    return ended.out.splitlines()


def test_files_and_folders(before: Path, after: Path, elsewhere: Path) -> None:
    said = lines(deploy("compare", before, after))
    assert said[0] == f"before     {before}: net, for loihi2, 8-bit weights, 1,000 samples"
    assert said[1].startswith(f"after      {after}: ")
    assert said[3] == "accuracy   integer  84.00 %  75.00 %  -9.00 points    worse"
    assert said[-1].startswith("in all     1 worse, 17 the same; of layers and the like ")
    assert lines(deploy("compare", before.parent, after.parent)) == said
    assert not tree(elsewhere)


def test_an_export_with_itself(exported: tuple[Path, Ended], before: Path) -> None:
    folder, _ = exported
    assert lines(deploy("compare", folder, folder / "report.json"))[-1] == (
        "in all     nothing differs"
    )
    said = lines(deploy("compare", before, folder))
    assert said[0].startswith("warning    These are two networks: architecture ")


def test_all(before: Path, after: Path) -> None:
    some, everything = deploy("compare", before, after), deploy("compare", before, after, "--all")
    assert "spikes.total" not in some.out
    assert "of all samples" not in some.out
    assert "1,200" in everything.out
    assert len(lines(everything)) > len(lines(some)) + 20


def test_json(before: Path, after: Path) -> None:
    ended = deploy("compare", before, after, "--json", "--fail-if", "accuracy.integer < 0.5")
    assert (ended.code, ended.err) == (0, "")
    made = ended.json()
    assert made["counts"]["figures"]["worse"] == 1
    assert made["conditions"][0]["holds"] is False


def test_quiet(before: Path, after: Path) -> None:
    assert deploy("compare", before, after, "-q") == Ended(0, "", "")


def test_tolerance(tmp_path: Path, before: Path) -> None:
    near = write(tmp_path / "near.json", accuracy__integer=0.8399)
    assert "worse" in deploy("compare", before, near).out
    ended = deploy("compare", before, near, "--tolerance", "0.001")
    assert lines(ended)[-1] == "in all     nothing differs"
    ended = deploy("compare", before, near, "--tolerance", "-1")
    assert (ended.code, ended.complaint) == (
        2,
        "--tolerance cannot be '-1'; give a number from 0 to 1",
    )


def test_details_that_differ(tmp_path: Path, before: Path) -> None:
    other = write(tmp_path / "other.json", placement__layers={"conv3_x.0.lif": 4, "lif1": 1})
    said = lines(deploy("compare", before, other))
    assert said[2:] == ["in all     nothing differs but 1 detail, see --all"]
    assert "cores of conv3_x.0.lif" in deploy("compare", before, other, "--all").out


def test_conditions_that_hold(before: Path, after: Path) -> None:
    ended = deploy(
        *("compare", before, after),
        *("--fail-if", "delta.accuracy.integer < -0.005"),
        *("--fail-if", "accuracy.integer < 0.5"),
        *("--fail-if", "has(spikes.total) and spikes.total == 1000"),
    )
    assert ended.code == 8
    assert ended.err.splitlines() == [
        "error: --fail-if holds: delta.accuracy.integer < -0.005, delta.accuracy.integer = -0.09; "
        "has(spikes.total) and spikes.total == 1000, spikes.total = 1000; "
        "the comparison says what changed"
    ]
    said = ended.out.splitlines()
    assert "fail-if    does not hold: accuracy.integer < 0.5, accuracy.integer = 0.75" in said


def test_conditions_that_hold_still_give_json_and_the_page(
    before: Path, after: Path, elsewhere: Path
) -> None:
    ended = deploy(*("compare", before, after, "--json", "-o", "pages/"), *("--fail-if", "1 < 2"))
    assert ended.code == 8
    assert ended.json()["conditions"][0]["holds"] is True
    assert tree(elsewhere) == {"pages", "pages/comparison.html"}


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("accuracy.intger < 1", "is in neither report (perhaps accuracy.integer is meant); "),
        ("__import__('os')", "cannot be read from here on: 'os')"),
        ("9 ** 9 ** 9 > 1", "needs a figure or a number at '* 9 ** 9 > 1'; "),
        ("x" * 100_000, "has more than 2,000 characters; give two conditions"),
        ("latency.mean > 1", "'latency.mean' is in neither report"),
    ],
)
def test_conditions_that_are_none(
    expression: str, problem: str, before: Path, after: Path, elsewhere: Path
) -> None:
    ended = deploy("compare", before, after, "--fail-if", expression, "-o", "page.html")
    assert (ended.code, problem in ended.complaint) == (2, True), ended.complaint
    assert not tree(elsewhere)


def test_a_figure_that_one_report_lacks(tmp_path: Path, before: Path) -> None:
    after = write(tmp_path / "after.json", energy__chip=None)
    condition = "energy.chip.total_j > 1.1 * before.energy.chip.total_j"
    ended = deploy("compare", before, after, "--fail-if", condition)
    assert (ended.code, ended.complaint) == (
        2,
        f"--fail-if '{condition}' needs energy.chip.total_j, which {after} lacks; "
        "guard it: has(after.energy.chip.total_j) and …",
    )
    ended = deploy("compare", before, after, "--fail-if", f"has(energy.chip) and {condition}")
    assert ended.code == 0


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty; give a report.json that `snn-deploy validate -o` or an export wrote"),
        (b"{", "is no JSON ("),
        (b"{}", "is no report of ours: it has no 'schema'; "),
        (b'{"schema": "snn-deploy-report/1", "a": NaN}', "holds NaN, which no report of ours does"),
        (b'{"schema": "snn-deploy-report/7"}', "; update snn-deploy"),
        (b" " * (16 * 2**20 + 1), "is larger than 16 MB, which no report of ours is; "),
    ],
)
def test_files_that_are_no_report(
    content: bytes, problem: str, tmp_path: Path, before: Path, elsewhere: Path
) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_bytes(content)
    for pair in ((before, wrong), (wrong, before)):
        ended = deploy("compare", *pair, "-o", "page.html")
        assert (ended.code, problem in ended.complaint) == (3, True), ended.complaint
        assert ended.complaint.startswith(f"{wrong}: ")
    assert not tree(elsewhere)


def test_files_that_are_not_there(before: Path, tmp_path: Path) -> None:
    ended = deploy("compare", before, tmp_path / "none.json")
    assert (ended.code, ended.complaint) == (
        2,
        f"'{tmp_path / 'none.json'}' cannot be read: No such file or directory; "
        "give a report.json, or a folder that holds one",
    )
    ended = deploy("compare", before, tmp_path)
    assert f"'{tmp_path / 'report.json'}' cannot be read: " in ended.complaint


def test_what_must_be_given(before: Path) -> None:
    ended = deploy("compare", before)
    assert (ended.code, ended.complaint) == (
        2,
        "missing argument 'AFTER'; see `snn-deploy compare --help`",
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_read(before: Path, tmp_path: Path) -> None:
    """As in `snn-deploy compare <(git show HEAD:report.json) report.json`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(before.read_bytes(),))
    writer.start()
    assert lines(deploy("compare", pipe, before))[-1] == "in all     nothing differs"
    writer.join()


@pytest.mark.parametrize(
    ("output", "made"),
    [
        ("pages/", "pages/comparison.html"),
        ("pages", "pages/comparison.html"),
        ("deep/er/", "deep/er/comparison.html"),
        ("page.html", "page.html"),
        ("deep/page.html", "deep/page.html"),
        (".", "comparison.html"),
    ],
)
def test_a_page_in_a_folder_or_a_file(
    output: str, made: str, before: Path, after: Path, elsewhere: Path
) -> None:
    said = lines(deploy("compare", before, after, "-o", output))
    assert said[-1] == f"page       {made}"
    page = elsewhere / made
    assert [path for path in elsewhere.rglob("*") if path.is_file()] == [page]
    assert "84.00" in page.read_text(encoding="utf-8")
    assert page.stat().st_mode & 0o777 == 0o644
    ended = deploy("compare", before, after, "-o", output)
    assert (ended.code, ended.complaint) == (
        2,
        f"{made} is there already; give --force to replace it",
    )
    assert lines(deploy("compare", before, before, "-o", output, "--force"))[-1] == said[-1]
    assert "75.00" not in page.read_text(encoding="utf-8")


def test_what_is_not_ours_stays(before: Path, after: Path, elsewhere: Path) -> None:
    (elsewhere / "index.html").write_text("<h1>mine</h1>", encoding="utf-8")
    ended = deploy("compare", before, after, "-o", "index.html", "--force")
    assert (ended.code, ended.complaint) == (
        2,
        "index.html is no page of ours; choose another place with -o",
    )
    ended = deploy("compare", before, after, "-o", "index.html/page.html")
    assert ended.code == 2
    assert tree(elsewhere) == {"index.html"}
    assert (elsewhere / "index.html").read_text(encoding="utf-8") == "<h1>mine</h1>"


def test_reports_and_exports_stay_as_they_are(before: Path, after: Path) -> None:
    """A foreign file in them, and --force would replace them no more."""
    ended = deploy("compare", before, after, "-o", after.parent)
    assert (ended.code, ended.complaint) == (
        2,
        f"{after.parent} holds an export or a report (report.json); choose another folder with -o",
    )
    assert tree(after.parent) == {"report.json"}
