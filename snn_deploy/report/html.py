"""report.html: one page that needs no network, no other file and no script."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import charts, chip_views, views
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
        spikes=spikes,
        layer_chart=None if spikes is None else charts.by_layer(spikes),
        step_chart=None if spikes is None else charts.by_step(spikes),
        sample_chart=None if spikes is None else charts.by_sample(spikes),
        beside=views.beside_published(report),
        verdicts=views.verdicts(report),
        energy_rows=views.energy_rows(report.paper, report.charged),
        accounts=_accounts(report),
        neurobench=None if report.neurobench is None else views.neurobench_rows(report.neurobench),
        time_rows=views.time_rows(report.timing_s),
        collapsed=COLLAPSED,
    )


def _cards(report: Report) -> list[views.Card]:
    """Return the verdicts; whether it fits comes second, where that was asked."""
    same, *others = views.cards(report)
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


def _accounts(report: Report) -> list[tuple[str, Estimate, tuple[views.Segment, ...]]]:
    known = [("Paper's account", report.paper), ("Charged account", report.charged)]
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
