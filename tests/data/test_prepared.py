from __future__ import annotations

import numpy as np
import pytest

from modnet.data.labels import Targets
from modnet.data.prepared import Samples

X = np.arange(12.0).reshape(4, 3)
LABELS = Targets.fit(["a", "b", "a", "c"], 4, "y")
NUMBERS = Targets.fit([[0.5], [1.0], [1.5], [2.0]], 4, "y")
SAMPLES = Samples(X, LABELS)


@pytest.mark.parametrize(
    "samples",
    [
        Samples(np.where(X == 5, 5.5, X), LABELS),
        Samples(X.astype(np.float32), LABELS),
        Samples(X.reshape(4, 3, 1), LABELS),
        Samples(X[:3], LABELS.take(np.arange(3))),
        Samples(X, Targets(classes=LABELS.classes, codes=np.array([0, 1, 0, 1], np.uint8))),
        Samples(X, Targets(classes=np.array(["a", "b", "d"]), codes=LABELS.codes)),
        Samples(X, NUMBERS),
    ],
    ids=["value", "dtype", "shape", "fewer", "codes", "classes", "numbers"],
)
def test_other_samples_have_another_digest(samples: Samples) -> None:
    assert samples.digest() != SAMPLES.digest()


def test_equal_samples_have_the_same_digest() -> None:
    copies = Samples(np.asfortranarray(X), Targets.fit(np.array(["a", "b", "a", "c"]), 4, "y"))
    assert copies.digest() == SAMPLES.digest()


def test_length_labels_and_text() -> None:
    assert len(SAMPLES) == 4
    assert SAMPLES.labels is LABELS.codes
    assert Samples(X, NUMBERS).labels is None
    assert repr(SAMPLES) == "<4 samples of shape (3,), float64>"
