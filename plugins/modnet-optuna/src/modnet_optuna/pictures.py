"""Optuna's own pictures of a search, drawn by matplotlib, which a page may hold without running anything."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import optuna
from matplotlib.text import Text
from optuna.distributions import CategoricalDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization import matplotlib as drawn

from modnet.analysis.comparison.grid import short_names
from modnet.analysis.plots.figure import INK, Figure, distinct_names
from modnet_optuna.parameters import Parameter
from modnet_optuna.plan import Plan
from modnet_optuna.storage import quiet

__all__ = ["ENOUGH", "pictures"]

ENOUGH = 2
"""How many complete trials there must be for a picture."""
_LONGEST = 24
_HEIGHT = 4.2
_LEAST_WIDTH = 6.4
_PANEL = 2.2


@contextmanager
def pictures(plan: Plan, trials: Sequence[FrozenTrial]) -> Iterator[dict[str, tuple[str, Figure]]]:
    """Provide name → caption and figure; after the block the figures are gone.

    Infinite values, those of trials that diverged or failed, are not drawn.
    """
    import matplotlib.pyplot as plt  # Optuna draws by it, and it looks for a display when it is imported

    target = f"validation {plan.metric.replace('_', ' ')}"
    made: dict[str, tuple[str, Figure]] = {}
    settings: Any = {"backend": "agg", "savefig.bbox": "tight"}
    with quiet(), mpl.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of layouts that matplotlib finds too tight
        study = _study(plan, trials)
        plots = (
            _plots(study, target)
            if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) >= ENOUGH
            else {}
        )
        try:
            for name, (caption, plot) in plots.items():
                plot()
                figure = plt.gcf()
                made[name] = caption, figure
                _restyle(figure, name, len(plan.parameters))
            yield made
        finally:
            for _, figure in made.values():
                plt.close(figure)


def _plots(study: Study, target: str) -> Mapping[str, tuple[str, Callable[[], Any]]]:
    importance = PedAnovaImportanceEvaluator()
    return {
        "history": (
            f"History: the {target} of each trial, and the best so far",
            lambda: drawn.plot_optimization_history(study, target_name=target),
        ),
        "importances": (
            f"Importances of the keys for the {target}, by PED-ANOVA",
            lambda: drawn.plot_param_importances(study, evaluator=importance, target_name=target),
        ),
        "slices": (
            f"Slices: the {target} over the values of each key",
            lambda: drawn.plot_slice(study, target_name=target),
        ),
        "coordinates": (
            f"Parallel coordinates: a line for each trial, from its {target} through its values",
            lambda: drawn.plot_parallel_coordinate(study, target_name=target),
        ),
    }


def _restyle(figure: Figure, name: str, keys: int) -> None:
    """Let the page's own colour and headings hold, and give many keys more room."""
    panels = keys if name == "slices" else keys + 1
    wide = name in ("slices", "coordinates")
    figure.set_size_inches(max(_LEAST_WIDTH, panels * _PANEL if wide else 0.0), _HEIGHT)
    figure.suptitle("")
    for axes in figure.axes:
        axes.set_title("")
        axes.set_title("", loc="left")
        if name == "coordinates":
            axes.grid(visible=False)
    for text in figure.findobj(Text):
        text.set_color(INK)


def _study(plan: Plan, trials: Sequence[FrozenTrial]) -> Study:
    """Return a study in memory with the trials that can be drawn, whose keys and values have names that fit."""
    keys = [parameter.key for parameter in plan.parameters]
    names = dict(zip(keys, distinct_names(short_names(keys), _LONGEST), strict=True))
    shown = {parameter.key: _shown(parameter) for parameter in plan.parameters}
    ranges = {
        parameter.key: CategoricalDistribution([*shown[parameter.key].values()])
        if parameter.choices
        else parameter.distribution
        for parameter in plan.parameters
    }
    study = optuna.create_study(direction=plan.direction)
    for trial in trials:
        if trial.state == TrialState.COMPLETE and trial.value is not None and math.isfinite(trial.value):
            values = {names[key]: shown[key].get(value, value) for key, value in trial.params.items()}
            distributions = {names[key]: ranges[key] for key in trial.params}
            study.add_trial(optuna.create_trial(value=trial.value, params=values, distributions=distributions))
        else:
            study.add_trial(optuna.create_trial(state=TrialState.FAIL))  # so that the others keep their numbers
    return study


def _shown(parameter: Parameter) -> dict[Any, str]:
    """Return a value as Optuna keeps it → its name in a picture; empty for a range."""
    kept = [value for value, _ in parameter.choices]
    return dict(zip(kept, distinct_names([str(value) for value in kept], _LONGEST), strict=True))
