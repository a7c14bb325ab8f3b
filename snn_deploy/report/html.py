"""report.html: one page that needs no network, no other file and no script."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import charts, chip_views, simulated_views, views
from .document import Report
from .energy import Estimate
from .wording import count, energy, kilobytes, percent, seconds, short_count, unbroken

COLLAPSED = 12
"""Tables with more rows than this start closed."""


def render(report: Report) -> str:
    """Return the page. Everything that came from a model is escaped."""
    spikes = report.spikes if report.spikes is not None and report.spikes.samples else None
    template = _environment().get_template("report.html")
    return template.render(
        report=report,
        warnings=report.all_warnings,
        cards=_cards(report),
        chip=_chip(report),
        **_simulated(report),
        spikes=spikes,
        layer_chart=None if spikes is None else charts.by_layer(spikes),
        step_chart=None if spikes is None else charts.by_step(spikes),
        sample_chart=None if spikes is None else charts.by_sample(spikes),
        beside=views.beside_published(report),
        verdicts=views.verdicts(report),
        energy_charts=_energy_charts(report),
        accounts=_accounts(report),
        criticism=views.answers(report.criticism),
        neurobench=None if report.neurobench is None else views.neurobench_rows(report.neurobench),
        time_rows=views.time_rows(report.timing_s),
        collapsed=COLLAPSED,
    )


def _cards(report: Report) -> list[views.Card]:
    """Return the verdicts; whether it fits comes second, where that was asked."""
    same, *others = views.cards(report, *_chip_against_ann(report))
    return [same, *chip_views.fits(report.chip, report.target), *others]


def _chip(report: Report) -> dict[str, object] | None:
    if report.chip is None:
        return None
    return {
        "sentences": chip_views.sentences(report.chip, report.model.steps),
        "use": chip_views.use_rows(report.chip),
        "layers": report.chip.cores.layers if report.chip.cores is not None else {},
        "strategy": report.chip.strategy,
    }


def _simulated(report: Report) -> dict[str, object]:
    run = report.simulated
    if run is None:
        return {"simulated": None}
    step_s = [step.mean_s for step in run.steps]
    return {
        "simulated": simulated_views.simulated(run),
        "not_alike": simulated_views.not_alike(run, _estimates(report)),
        "step_s_chart": charts.by_chip_step(step_s),
    }


def _estimates(report: Report) -> Sequence[Estimate | None]:
    return report.paper, report.charged, report.lemaire


def _chip_against_ann(report: Report) -> tuple[Sequence[float], Sequence[str]]:
    """Return how many times less than its twins an inference takes on the chip, and what to say."""
    run = report.simulated
    if run is None:
        return (), ()
    accounts = _estimates(report)
    ratios = simulated_views.against_twins(run.energy.total_j, accounts)
    if not ratios:
        return (), ()
    name = report.target.name if report.target is not None else "the chip"
    said = simulated_views.beside_the_ann(run, name, accounts)
    return [ratio for _, ratio in ratios], [said]


def _energy_charts(report: Report) -> dict[str, tuple[views.Row, ...]]:
    """Return bars by the words above them; each group has a scale and a twin of its own."""
    groups = {
        "Arithmetic alone": (
            ("Paper's account", report.paper),
            ("Charged account", report.charged),
        ),
        "Arithmetic and memory accesses": (("Memory-aware account", report.lemaire),),
    }
    rows = {title: views.energy_rows(*accounts) for title, accounts in groups.items()}
    return {title: bars for title, bars in rows.items() if bars}


def _accounts(report: Report) -> list[tuple[str, Estimate, tuple[views.Segment, ...]]]:
    known = [
        ("Paper's account", report.paper),
        ("Charged account", report.charged),
        ("Memory-aware account", report.lemaire),
    ]
    return [(n, e, views.energy_shares(e, e.snn_j)) for n, e in known if e is not None]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("snn_deploy.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = (count, energy, kilobytes, percent, seconds, short_count, unbroken, charts.times)
    environment.filters.update({word.__name__: word for word in words})
    return environment
