"""The report of a run as one HTML file, which loads nothing and runs nothing."""

from __future__ import annotations

from modnet import __version__
from modnet.analysis.gradients.gradient_flow import GradientFlow
from modnet.analysis.gradients.suggestions import to_overrides
from modnet.analysis.gradients.vanishing import Dampening
from modnet.analysis.plots.confusion_matrix import confusion_picture
from modnet.analysis.plots.gradients import flow_figure
from modnet.analysis.plots.learning_curves import curve_pictures
from modnet.analysis.plots.results import mistakes_picture, prediction_error_picture
from modnet.analysis.report.html import card, code, page, paragraph, picture_card, table
from modnet.analysis.report.report import Provenance, RunReport
from modnet.analysis.results.confusion_matrix import ConfusionMatrix
from modnet.analysis.results.results import Results
from modnet.analysis.results.worst_samples import worst_samples_table
from modnet.core.numbers import format_number
from modnet.training.result import metric_text

__all__ = ["report_html"]


def report_html(report: RunReport) -> str:
    """Return the report as an HTML page: the same report, the same text."""
    results, network = report.results, report.network
    cost = " with ".join([network.cost, *network.regularizers])
    threads_vary = getattr(results.run.config.engine, "threads", 1) is None
    sections = [
        ("Results", _metrics(results)),
        ("Learning curves", _curves(results)),
        *([("Confusion matrix", _confusion(results))] if results.confusion is not None else []),
        *([("Predicted against true numbers", _prediction_error(results))] if results.prediction_error else []),
        ("Worst mistakes" if results.errors is not None else "Largest costs", _mistakes(results)),
        ("Network", table(f"{network.title}; cost: {cost}", *network.table)),
        ("Gradient dampening (vanishing gradients)", _dampening(report.dampening)),
        *([("Samples", _samples(report.provenance))] if report.provenance.samples else []),
        ("Configuration", code("Configuration in TOML", report.provenance.config)),
        ("Components and versions", _components(report.provenance)),
        ("Repeat this run", _repeat(report.provenance.command, threads_vary)),
    ]
    problem = results.problem and f"Problem: {results.problem.text}."
    warnings = [paragraph(text, "warn") for text in (problem, results.warning, *report.warnings) if text]
    lead = "".join([paragraph(results.sentence, "lead"), *warnings])
    name = f" {results.run.path.resolve().name}" if results.run.source else ""
    return page(f"modnet run{name}", lead, sections, f"Written by modnet {__version__}.")


def _metrics(results: Results) -> str:
    rows = [[name.replace("_", " "), results.predictions.text(name)] for name in results.predictions.metrics]
    caption = f"Of the trained network, on {len(results.predictions):,} {results.part} samples"
    return table(caption, ["metric", "value"], rows)


def _curves(results: Results) -> str:
    if not results.curves:
        return paragraph("No epoch was trained, so there are no curves.")
    cards = "".join(picture_card(picture) for picture in curve_pictures(results))
    best = "; ".join(curve.best_sentence for curve in results.curves)
    note = "Training metrics are of the samples as they were seen, before their updates; others are of after the epoch."
    return f'<div class="cards">{cards}</div>\n' + paragraph(f"{best[:1].upper()}{best[1:]}. {note}")


def _confusion(results: Results) -> str:
    matrix, picture = results.confusion, confusion_picture(results)
    if matrix is None or picture is None:
        return ""
    caption = (
        f"{picture.title}: numbers of samples, and below them their share of the true class; empty cells are 0. The "
        "stronger the colour, the larger the share; the diagonal, which is correct, is grey."
    )
    details = _details("Class by class", _classes(matrix, results.part))
    return picture_card(picture, caption) + details


def _classes(matrix: ConfusionMatrix, part: str) -> str:
    confused: dict[int, str] = {}
    for true, predicted, count in matrix.confusions():  # the most frequent first
        confused.setdefault(true, f"{matrix.labels[predicted]} ({count:,})")
    rows = [
        [str(label), f"{count:,}", _percent(recall), _percent(precision), confused.get(index, "")]
        for index, (label, count, recall, precision) in enumerate(
            zip(matrix.labels, matrix.counts.sum(axis=1), matrix.recall, matrix.precision, strict=True)
        )
    ]
    head = ["class", "samples", "recall", "precision", "most often predicted instead"]
    return table(f"The {len(rows)} classes, on {part} samples", head, rows)


def _prediction_error(results: Results) -> str:
    picture = prediction_error_picture(results)
    return "" if picture is None else picture_card(picture)


def _mistakes(results: Results) -> str:
    picture = mistakes_picture(results)
    if picture is None:
        return paragraph(f"{results.mistakes_title}.")
    head, rows = worst_samples_table(results.mistakes, results.run.network, with_features=results.image is None)
    listed = table(picture.title, head, rows)
    return listed if results.image is None else picture_card(picture) + _details("As a table", listed)


def _dampening(dampening: Dampening | None) -> str:
    if dampening is None:
        given = "The samples of the training were given in memory, and are not stored"
        return paragraph(f"{given}; modnet report RUN --data FILE computes the flow of δ from those in a file.")
    after = "at the end" if dampening.trial is None else f"after {dampening.trial.updates:,} updates"
    flows: list[tuple[str, GradientFlow]] = [("at the start", dampening.start)]
    flows += [(after, dampening.end)] if dampening.end is not None else []
    norms = " ".join(
        f"‖δ‖ {when}: {', '.join(f'layer {layer.number} {format_number(layer.delta)}' for layer in flow.layers)}."
        for when, flow in flows
    )
    head = ["layer", "activation", "neurons"]
    head += [f"{name} {when}" for when, _ in flows for name in ("‖δ‖", "mean σ′", "saturated", "dead")]
    rows = []
    for layers in zip(*(flow.layers for _, flow in flows), strict=True):
        row = [str(layers[0].number), layers[0].activation or layers[0].kind, f"{layers[0].units:,}"]
        for layer in layers:
            row += [format_number(layer.delta), format_number(layer.slope), f"{layer.saturated:.0%}"]
            row.append(f"{len(layer.dead):,}")
        rows.append(row)
    caption = f"The flow of δ through the network: means of {dampening.samples:,} training samples"
    shown = f"{dampening.verdict} {norms}", "The norm of δ in every layer, logarithmic"
    figure = card(flow_figure(dampening), "dampening", *shown)
    return paragraph(dampening.verdict) + figure + table(caption, head, rows) + _suggestion(dampening)


def _suggestion(dampening: Dampening) -> str:
    suggestion = dampening.suggestion
    if suggestion is None:
        return ""
    if suggestion.patch is None or suggestion.after is None:
        none = "none helps" if dampening.diagnoses else "none is better by a wide margin"
        return paragraph(f"{len(suggestion.tried)} changes of the configuration were tried; {none}.")
    before, after = (
        "diverged" if trial.value is None else metric_text(trial.metric, trial.value)
        for trial in (suggestion.before, suggestion.after)
    )
    reached = f"{suggestion.after.metric.replace('_', ' ')} {after}, without it {before}"
    text = f"What would help, of {len(suggestion.tried)} changes that were tried: {reached}."
    return paragraph(text) + code("The change that would help", "\n".join(to_overrides(suggestion.patch)))


def _samples(origin: Provenance) -> str:
    rows = [[part, f"{known['rows']:,}", known["sha256"]] for part, known in (origin.samples or {}).items()]
    return table("The samples of the training, as they entered the network", ["part", "samples", "SHA-256"], rows)


def _components(origin: Provenance) -> str:
    rows = [list(part.values()) for part in origin.parts]
    components = table("Components of the run, and who provided them", ["key", "kind", "distribution", "version"], rows)
    versions = [[name, version] for name, version in origin.versions.items()]
    return components + table("Software versions", ["software", "version"], versions)


def _repeat(command: str | None, threads_vary: bool) -> str:
    if command is None:
        return paragraph(
            "There is no run folder whose config.toml is what the model was trained by. Save the configuration above "
            "to a file, and train with that."
        )
    text = (
        "In the folder in which this report was written; elsewhere, save the configuration above as config.toml and "
        "train with that. With the same data and versions it gives the same model, bit by bit."
    )
    if threads_vary:
        text += " Where updates are so large that threads share them, the last bits also depend on the number of cores."
    return code("The command", command) + paragraph(text)


def _details(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>{content}</details>\n"


def _percent(share: float) -> str:
    return "" if share != share else f"{share:.1%}"
