"""A comparison in words: its numbers with their deviations, its combinations, and what is best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from modnet.analysis.comparison.comparison import Comparison, Row
from modnet.analysis.comparison.grid import short_names
from modnet.analysis.comparison.outcome import Outcome, Statistic
from modnet.config.overrides import to_toml
from modnet.core.messages import counted, truncate
from modnet.core.numbers import format_number
from modnet.training.result import metric_text, part_name

__all__ = [
    "best_sentence",
    "common_length",
    "deviation",
    "fastest_sentence",
    "outcome_text",
    "row_label",
    "settings_text",
    "statistic_text",
    "title",
    "value_text",
]

_LONGEST = 24
_PLACES = {"seconds": 2, "epoch_seconds": 4}
"""How many decimal places seconds have."""
_DIGITS = 7
"""Of how many digits a mean has more than are worth reading."""


def value_text(value: Any, longest: int = _LONGEST) -> str:
    """Return a value of a key as people read it."""
    return truncate(value if isinstance(value, str) else to_toml(value), longest)


def settings_text(settings: Mapping[str, Any], longest: int = _LONGEST) -> str:
    """Return the varied values of a combination in one line: ``rule adam, learning rate 0.1``."""
    names = short_names([*settings])
    return ", ".join(
        f"{name} {value_text(value, longest)}" for name, value in zip(names, settings.values(), strict=True)
    )


def outcome_text(settings: Mapping[str, Any], outcome: Outcome, metric: str) -> str:
    """Return what one run reached in one line."""
    fold = "" if outcome.fold is None else f"fold {outcome.fold + 1}"
    which = ", ".join(filter(None, [settings_text(settings), f"seed {outcome.seed}", fold]))
    if outcome.diverged is not None:
        return f"{which}: diverged"
    return f"{which}: {metric.replace('_', ' ')} {metric_text(metric, outcome.metrics[metric])}"


def statistic_text(name: str, statistic: Statistic) -> str:
    """Return a mean and its standard deviation, of which two digits count: ``94.44% ± 0.31%`` or ``0.0312 ± 0.0021``.

    >>> statistic_text("cost", Statistic(0.031234, 0.00212))
    '0.0312 ± 0.0021'
    """
    mean, sd = statistic.mean, statistic.sd
    if sd is None:
        return f"{mean:.{_PLACES[name]}f}" if name in _PLACES else metric_text(name, mean)
    if name.endswith("accuracy"):
        return f"{mean:.2%} ± {sd:.2%}"
    if name in _PLACES:
        return f"{mean:.{_PLACES[name]}f} ± {sd:.{_PLACES[name]}f}"
    decimals = max(1 - math.floor(math.log10(sd)), 0) if sd > 0 else _DIGITS
    if decimals + len(f"{abs(mean):.0f}") > _DIGITS:
        return f"{metric_text(name, mean)} ± {format_number(sd, 2)}"
    return f"{mean:,.{decimals}f} ± {sd:,.{decimals}f}"


def common_length(comparison: Comparison) -> dict[str, int]:
    """Return ``epochs`` and ``updates``, as far as they are the same for all runs."""
    runs = [run for row in comparison.rows for run in row.runs]
    found = {name: {getattr(run, name) for run in runs} for name in ("epochs", "updates")}
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


def title(comparison: Comparison) -> str:
    """Return what the numbers of a comparison are of."""
    length = common_length(comparison)
    words = " and ".join(counted(number, name.removesuffix("s")) for name, number in length.items())
    return f"{f'{words} each, e' if words else 'E'}valuated on the {part_name(comparison.part)} samples"


def deviation(comparison: Comparison) -> str | None:
    """Return over what means and standard deviations are; None where there is one run of each combination."""
    of = [counted(comparison.seeds, "seed")] if comparison.seeds > 1 else []
    of += [counted(comparison.folds, "fold")] if comparison.folds else []
    return f"mean ± standard deviation over {' × '.join(of)}" if of else None


def best_sentence(comparison: Comparison) -> str | None:
    """Return which combination is best, and what it reaches; None where there is only one, or none."""
    row = comparison.best_row
    if row is None or len(comparison.rows) == 1:
        return None
    metric = comparison.metric
    words = metric.replace("_", " ")
    reached = f"{part_name(comparison.part)} {words} {statistic_text(metric, row.metrics[metric])}"
    baselines = [run.baseline for run in row.runs if run.baseline is not None]
    if metric == "accuracy" and baselines:
        mean = Statistic.of(baselines).mean
        reached += f" (always answering the largest class would give {statistic_text(metric, Statistic(mean, None))})"
    test = f", test {words} {statistic_text(metric, row.test[metric])}" if metric in row.test else ""
    return f"Best: {settings_text(row.settings, 200)}; {reached}{test}."


def fastest_sentence(comparison: Comparison) -> str | None:
    """Return which combination is fastest, and what the seconds of an epoch are; None where no engine is varied."""
    timed = [(row.epoch_seconds, row.settings) for row in comparison.rows if row.epoch_seconds is not None]
    if not comparison.varies_engine or not timed:
        return None
    each, settings = min(timed, key=lambda row: row[0].mean)
    seconds, of = (
        statistic_text("epoch_seconds", each),
        "the median of all but the first, in which an engine may compile",
    )
    return f"Fastest: {settings_text(settings, 200)}; {seconds} seconds an epoch ({of})."


def row_label(row: Row) -> str:
    """Return the name of a combination in a picture."""
    return settings_text(row.settings) or "the configuration"
