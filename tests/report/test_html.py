"""report.html: well-formed, self-contained, safe, complete, quick."""

import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from snn_deploy.report import Estimate, ModelSection, Report, Share, describe, judge, render
from snn_deploy.report.charts import by_layer, by_sample, by_step
from snn_deploy.report.views import cards, energy_shares, wilson
from snn_deploy.validation import Agreement, Difference

from .activities import firing, report
from .test_document import SMALL

VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = "<script>alert(1)</script>\"'&{{ 7 * 7 }}"


class Balance(HTMLParser):
    """Checks that tags nest, and collects what the page says and loads."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)


def parsed(page: str) -> Balance:
    parser = Balance()
    parser.feed(page)
    parser.close()
    assert not parser.open
    return parser


def words(page: str) -> str:
    return " ".join(" ".join(parsed(page).text).replace("\N{NO-BREAK SPACE}", " ").split())


PAGES = {"full": report(), "small": SMALL, "one sample": replace(report(), warnings=("w",))}


@pytest.mark.parametrize("name", PAGES)
def test_page_is_well_formed_and_alone(name: str) -> None:
    page = render(PAGES[name])
    assert page.startswith("<!DOCTYPE html>")
    found = parsed(page)
    assert set(found.references) <= {"data:,"}
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page)
    assert found.tags.count("h1") == 1
    assert found.tags.count("table") == found.tags.count("caption")


def test_page_contains_the_figures() -> None:
    text = words(render(report()))
    for figure in (
        "Yes, every bit",
        "96,412,000",
        "79.50 %",
        "95 % interval 73.4 % to 84.5 %",
        "integers lose 0.50 points",
        "0.80",
        "about one spike per neuron",
        "272,474",
        "ab" * 32,
        "snn-export model.pt --target onnx",
        "residual additions",
        "multiplications of projection shortcuts",
        "Effective ACs",
        "32 \N{MULTIPLICATION SIGN} 32",
    ):
        assert figure in text, figure


def test_mismatch_is_said_first() -> None:
    wrong = Agreement("c", "host", 1, 1, 1, 5, 2, Difference("lif", 0, (1, 2), 1.0, 0.0))
    page = render(replace(report(), agreement=(wrong,)))
    text = words(page)
    assert text.index("gives other values") < text.index("Same spikes?")
    assert "First difference in layer 'lif', step 0, index (1, 2): expected 1.0" in text
    assert "Yes, every bit" not in text


def test_names_cannot_break_the_page() -> None:
    activity = firing((HOSTILE, "dense", 10, [4, 7]))
    hostile = replace(
        report(),
        model=ModelSection(HOSTILE, HOSTILE, HOSTILE, 1, 1, 1, 1, (1,)),
        spikes=describe(activity),
        claim=judge(activity),
        command=HOSTILE,
        warnings=(HOSTILE,),
        timing_s={HOSTILE: 1.0},
        agreement=(Agreement(HOSTILE, HOSTILE, 1, 1, 1, 1, 1, Difference(HOSTILE, 0, (), 0, 1)),),
    )
    page = render(hostile)
    assert "<script>alert" not in page
    assert parsed(page).tags.count("script") == 1
    assert "{{ 7 * 7 }}" in page


def test_deepest_network_is_quick() -> None:
    layers = [(f"l{i}", f"{32 >> i // 161}x{32 >> i // 161}", 100, [60, 80]) for i in range(481)]
    activity = firing(*layers)
    deep = replace(report(), spikes=describe(activity), claim=judge(activity))
    start = time.perf_counter()
    page = render(deep)
    assert time.perf_counter() - start < 2
    assert page.count('class="hit"') >= 481
    assert len(page) < 1_000_000


def test_bars_fill_the_plot() -> None:
    spikes = describe(firing(("a", "4x4", 10, [5, 15]), ("b", "2x2", 30, [70, 70])))
    chart = by_layer(spikes)
    assert [bar.over for bar in chart.bars] == [False, True]
    assert sum(column.at for column in chart.columns) == pytest.approx(100)
    assert chart.one is not None
    assert chart.bars[0].height == pytest.approx(chart.one)
    for drawn in (chart, by_step(spikes), by_sample(spikes)):
        for bar in drawn.bars:
            assert 0 <= bar.x <= bar.x + bar.width <= 100.01
            assert 0 <= bar.height <= 100
            assert bar.whisker is None or 0 <= bar.whisker[0] <= bar.whisker[1] <= 100


def test_layers_stand_by_stage() -> None:
    """A shortcut's neurons belong to the resolution they have, not to where they appear."""
    layers = [("a", "4x4", 1, [1]), ("b", "2x2", 1, [1]), ("c", "4x4", 1, [1])]
    titles = [bar.title.partition(":")[0] for bar in by_layer(describe(firing(*layers))).bars]
    assert titles == ["a", "c", "b"]


@pytest.mark.parametrize("samples", [[0], [0, 0, 0], [7], [1, 2], list(range(1000))])
def test_any_number_of_samples_draws(samples: list[int]) -> None:
    activity = firing(("a", "dense", 10, samples), steps=30)
    page = render(replace(SMALL, spikes=describe(activity), claim=judge(activity)))
    parsed(page)
    bars = by_sample(describe(activity)).bars
    assert sum(int(bar.title.split()[0]) for bar in bars) == len(samples)


def test_interval_against_a_table() -> None:
    """Wilson's interval of 8 in 10 is 0.490 to 0.943 (Agresti and Coull 1998)."""
    assert wilson(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(1.0, 10)[1] == pytest.approx(1)


def test_report_is_a_value() -> None:
    assert isinstance(SMALL, Report)
    assert replace(SMALL) == SMALL


def energies(*ratios: float) -> Report:
    """A report whose accounts save so much."""
    shares = (Share("weights", 1.0, 1e-3),)
    accounts = [Estimate(shares, ratio * 1e-3, (), ()) for ratio in ratios]
    names = ("paper", "charged", "lemaire")
    return replace(report(), **dict(zip(names, accounts, strict=True)))


@pytest.mark.parametrize(
    ("ratios", "answer", "tone"),
    [
        ((6.3, 5.2, 1.0), "1.0\N{EN DASH}6.3\N{MULTIPLICATION SIGN} less", "good"),
        (
            (6.3, 5.2, 0.8),
            "1.2\N{MULTIPLICATION SIGN} more to 6.3\N{MULTIPLICATION SIGN} less",
            "fair",
        ),
        ((0.5, 0.8, 0.625), "1.2\N{EN DASH}2.0\N{MULTIPLICATION SIGN} more", "fair"),
        ((2.0, 2.0, 2.0), "2.0\N{MULTIPLICATION SIGN} less", "good"),
    ],
)
def test_energy_is_a_range_over_all_accounts(
    ratios: tuple[float, ...], answer: str, tone: str
) -> None:
    card = cards(energies(*ratios))[-1]
    assert (card.answer, card.tone) == (answer, tone)


def test_each_twin_is_named_once() -> None:
    """Two accounts have one twin, the third another."""
    lines = cards(energies(4.0, 4.0, 0.5))[-1].lines
    assert lines[0] == (
        "1.00 mJ by the paper's account, 1.00 mJ by the charged account; the ANN 4.00 mJ."
    )
    assert lines[1] == "1.00 mJ with memory accesses; the ANN 500 \N{MICRO SIGN}J."


def test_bars_stand_beside_their_own_twin() -> None:
    """Memory costs so much more that one scale would hide the arithmetic."""
    text = words(render(report()))
    assert text.count("the same layers without spikes") == 2
    assert "Arithmetic alone , on a scale of their own" in text
    alone = words(render(replace(report(), lemaire=None)))
    assert alone.count("the same layers without spikes") == 1
    assert "on a scale" not in alone


def test_critics_are_answered_without_colour() -> None:
    made = report()
    page = render(made)
    text = words(page)
    assert "What critics of such estimates ask" in text
    for check in made.criticism:
        assert f"{check.question} {check.verdict[0].upper()}{check.verdict[1:]}. " in text
        assert check.source in text
    marks = re.findall(r'<li class="\w+"><span class="mark" aria-hidden="true">(.)</span>', page)
    shown = dict(zip((check.verdict for check in made.criticism), marks, strict=True))
    assert shown == {
        "depends on the ANN": "!",
        "for the spiking network": "\N{CHECK MARK}",
        "not stated": "\N{EN DASH}",
        "for the ANN": "\N{MULTIPLICATION X}",
        "yes": "\N{CHECK MARK}",
    }
    assert "critics" not in words(render(replace(made, criticism=())))


def test_every_share_has_a_colour_of_its_own() -> None:
    """And the page defines it; none falls back to that of the twin."""
    made, page = report(), render(report())
    for estimate in (made.charged, made.lemaire):
        assert estimate is not None
        colours = [segment.colour for segment in energy_shares(estimate, estimate.snn_j)]
        assert len(set(colours)) == len(colours)
        assert "c0" not in colours
        assert all(f".{colour} {{" in page for colour in colours)


def test_the_claim_stands_beside_the_published_networks() -> None:
    made = report()
    assert made.claim is not None
    text = " ".join(parsed(render(made)).text)
    for published in ("MS-ResNet-18", "MS-ResNet-34", "MS-ResNet-104", "0.63\N{EN DASH}0.92"):
        assert published in text
    assert "This network: spikes per neuron, about one; energy ratio, more than published." in text
    assert "Beside the published" not in render(replace(made, claim=None))
