"""The report of a run: one HTML file with all that there is to say of it, which fetches nothing and runs nothing."""

from __future__ import annotations

from pathlib import Path

from modnet import __version__
from modnet.analysis.gradients.gradient_flow import GradientFlow
from modnet.analysis.gradients.suggestions import to_overrides
from modnet.analysis.gradients.vanishing import Dampening
from modnet.analysis.plots.confusion_matrix import confusion_picture
from modnet.analysis.plots.gradients import picture as dampening_picture
from modnet.analysis.plots.learning_curves import best_text, curve_pictures
from modnet.analysis.plots.prediction_error import fit_picture
from modnet.analysis.plots.worst_samples import mistakes_picture, mistakes_table, mistakes_title
from modnet.analysis.report.html import card, code, page, paragraph, picture_card, table
from modnet.analysis.report.report import RunReport
from modnet.analysis.results.results import Results
from modnet.network.summary import Summary, times
from modnet.training.run import metric_text

__all__ = ["report_html"]


def report_html(report: RunReport) -> str:
    """Return the report as an HTML page: the same report, the same text.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    results = report.results
    sections = [
        ("Results", _results(results)),
        ("Learning curves", _curves(results)),
        *([("Confusion matrix", _confusion(results))] if results.confusion is not None else []),
        *([("Predicted against true numbers", _fit(results))] if results.fit is not None else []),
        ("Worst mistakes" if results.wrong is not None else "Largest costs", _mistakes(results)),
        ("Network", _network(report.summary)),
        ("Gradient dampening", _dampening(report.dampening)),
        ("Configuration", code("Configuration in TOML", report.provenance.config)),
        ("Parts and versions", _parts(report)),
        ("Repeat this run", _repeat(report)),
    ]
    lead = paragraph(results.sentence, "lead") + (paragraph(results.doubt, "warn") if results.doubt else "")
    name = Path(results.run).resolve().name
    return page(f"modnet run {name}", lead, sections, f"Written by modnet {__version__}.")


def _results(results: Results) -> str:
    figures = [[name.replace("_", " "), metric_text(name, value)] for name, value in results.answers.figures.items()]
    text = f"Of the finished network, on {len(results.answers):,} {results.part} samples"
    return table(text, ["figure", "value"], figures)


def _curves(results: Results) -> str:
    if not results.curves:
        return paragraph("No epoch was trained, so there are no curves.")
    cards = "".join(picture_card(picture) for picture in curve_pictures(results))
    note = "Training figures are of the samples as they were met, before their updates; others are of after the epoch."
    best = "; ".join(best_text(curve) for curve in results.curves)
    return f'<div class="cards">{cards}</div>\n' + paragraph(f"{best[:1].upper()}{best[1:]}. {note}")


def _confusion(results: Results) -> str:
    matrix, picture = results.confusion, confusion_picture(results)
    if matrix is None or picture is None:
        return ""
    rows = []
    for place, label in enumerate(matrix.labels):
        others = matrix.counts[place].copy()
        others[place] = 0
        worst = int(others.argmax())
        taken = f"{matrix.labels[worst]} ({others[worst]})" if others[worst] else ""
        rows.append([str(label), f"{matrix.counts[place].sum():,}", _share(matrix.recall[place]),
                     _share(matrix.precision[place]), taken])  # fmt: skip
    head = ["class", "samples", "recognised (recall)", "right when predicted (precision)", "most often taken for"]
    classes = table(f"The {len(rows)} classes, on {results.part} samples", head, rows)
    caption = f"{picture.title}. Numbers of samples, and below them their share of the true class; empty cells are 0."
    return picture_card(picture, caption) + f"<details><summary>Class by class</summary>{classes}</details>\n"


def _fit(results: Results) -> str:
    picture = fit_picture(results)
    return "" if picture is None else picture_card(picture)


def _mistakes(results: Results) -> str:
    picture = mistakes_picture(results)
    if picture is None:
        return paragraph(f"{mistakes_title(results)}.")
    listed = table(picture.title, *mistakes_table(results))
    if results.image is None:
        return listed
    return picture_card(picture) + f"<details><summary>As a table</summary>{listed}</details>\n"


def _network(summary: Summary) -> str:
    rows = []
    for layer in summary.layers:
        parameters = ", ".join(f"{one.letter} {times(one.shape)}" for one in layer.parameters)
        rows.append([str(layer.number), layer.title, times(layer.inputs), times(layer.outputs), parameters,
                     f"{layer.size:,}", ", ".join(f"{one.start}:{one.stop}" for one in layer.parameters)])  # fmt: skip
    head = ["l", "layer", "inputs", "outputs (z, a, δ)", "parameters", "count", "in θ"]
    cost = " with ".join([summary.cost, *summary.regularizers])
    return table(f"{summary.title}; cost: {cost}", head, rows)


def _dampening(found: Dampening) -> str:
    after = "at the end" if found.trial is None else f"after {found.trial.updates:,} updates"
    flows: list[tuple[str, GradientFlow]] = [("at the start", found.start)]
    flows += [(after, found.end)] if found.end is not None else []
    text = " ".join(
        f"‖δ‖ {when}: " + ", ".join(f"layer {layer.number} {layer.delta:.3g}" for layer in flow.layers) + "."
        for when, flow in flows
    )
    made = paragraph(found.verdict)
    made += card(dampening_picture(found), f"{found.verdict} {text}", "The norm of δ at every layer, logarithmic")
    head = ["layer", "activation", "neurons"]
    head += [f"{what} {when}" for when, _ in flows for what in ("‖δ‖", "mean σ′", "saturated", "dead")]
    rows = [
        [
            str(layer.number),
            layer.activation or layer.kind,
            str(layer.units),
            *(cell for _, flow in flows for cell in _flow_cells(flow, place)),
        ]
        for place, layer in enumerate(found.start.layers)
    ]
    made += table(f"How δ gets through the network: means of {found.samples:,} training samples", head, rows)
    return made + _remedy(found)


def _flow_cells(flow: GradientFlow, place: int) -> list[str]:
    layer = flow.layers[place]
    return [f"{layer.delta:.3g}", f"{layer.slope:.3g}", f"{layer.saturated:.0%}", str(len(layer.dead))]


def _remedy(found: Dampening) -> str:
    remedy = found.remedy
    if remedy is None:
        return ""
    if remedy.patch is None or remedy.after is None:
        return paragraph(f"{len(remedy.tried)} changes of the configuration were tried; none helps.")
    before, after = (
        "diverged" if one.value is None else metric_text(one.figure, one.value) for one in (remedy.before, remedy.after)
    )
    reached = f"{remedy.after.figure} {after}, without it {before}"
    text = f"What would help, of {len(remedy.tried)} changes that were tried: {reached}."
    return paragraph(text) + code("The change that would help", "\n".join(to_overrides(remedy.patch)))


def _parts(report: RunReport) -> str:
    origin = report.provenance
    parts = [[part.path, part.kind, part.distribution, part.version] for part in origin.parts]
    versions = [[name, version] for name, version in origin.versions.items()]
    head = ["place", "kind", "distribution", "version"]
    made = table("Who gave the parts when the run was made", head, parts)
    return made + table("Versions", ["of", "version"], versions)


def _repeat(report: RunReport) -> str:
    command = report.provenance.command
    if command is None:
        return paragraph(
            "The run folder's config.toml is not what the model was trained by. Save the configuration above to a "
            "file, and train by that."
        )
    text = (
        "In the folder in which this report was written; elsewhere, save the configuration above as config.toml and "
        "train by that. With the same data and versions it gives the same model, bit by bit."
    )
    if report.results.config.threads is None:
        text += " Where updates are so large that threads share them, the last bits also depend on the number of cores."
    return code("The command", command) + paragraph(text)


def _share(share: float) -> str:
    return "" if share != share else f"{share:.1%}"
