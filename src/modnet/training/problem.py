"""Whether a network has learnt: decided here, from scores of any samples, for every command that speaks of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from modnet.core.messages import short_repr
from modnet.training.scores import Scores

__all__ = ["NOTHING", "Problem", "find_problem"]

NOTHING = 0.05
"""Nothing is learnt where the cost is less than this share below that of the best constant prediction."""
SKILL = 0.1
"""Something is learnt, whatever the cost, from this balanced accuracy, adjusted for chance, or this r², on."""
OTHERS = 5
"""That one class is the only answer is a problem where at least so many samples are of others."""


@dataclass(frozen=True)
class Problem:
    """Why a network has not learnt.

    Attributes:
        kind: ``one-class``: every sample is classified as the same class, though others have samples.
            ``nothing-learnt``: the predictions are no better than the best that are the same for every sample.
        text: The problem in words.
    """

    kind: Literal["one-class", "nothing-learnt"]
    text: str


def find_problem(scores: Scores, labels: NDArray[Any] | None = None, part: str = "training") -> Problem | None:
    """Return why a network has not learnt, or None where it has.

    Nothing is learnt where the cost is less than 5 % below that of the best constant prediction, and neither the
    balanced accuracy, adjusted for chance and beyond two standard errors, nor r² is 0.1 or more: where classes are
    weighted differently than in training, or probabilities are too bold, answers may be good though their cost is not.

    Args:
        scores: The scores of its predictions.
        labels: The labels of its classes.
        part: What sentences call the samples.
    """
    classes, on = scores.classes, f"the {scores.samples:,} {part} samples"
    if classes is not None and classes.answer is not None and scores.samples - (classes.answer_count or 0) >= OTHERS:
        label = classes.answer if labels is None else labels[classes.answer]
        share = (classes.answer_count or 0) / scores.samples
        answers = f"all {on[4:]} are classified as {short_repr(label)}"
        return Problem("one-class", f"{answers}, which {share:.2%} of them are")
    if scores.explained >= NOTHING or _has_skill(scores):  # NaN is nothing
        return None
    if part == "training":
        return Problem("nothing-learnt", f"nothing is learnt: on {on} the cost is {_compared(scores)}")
    text = f"nothing is learnt that holds for {on}: their cost is {_compared(scores)}"
    return Problem("nothing-learnt", text)


def _has_skill(scores: Scores) -> bool:
    if scores.classes is not None:
        return scores.classes.skill >= max(SKILL, 2.0 * scores.classes.skill_error)
    return scores.r2 is not None and scores.r2 >= SKILL


def _compared(scores: Scores) -> str:
    best = "that of the best constant prediction"
    if not math.isfinite(scores.cost):
        return "not finite"
    if scores.constant_cost <= 0:
        return f"not below {best}"
    share = round(abs(scores.explained), 3)
    if not share:
        return best
    return f"{share:,.{int(share < 0.1)}%} {'below' if scores.explained > 0 else 'above'} {best}"
