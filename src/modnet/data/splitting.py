"""Which rows are held out: a random share of the samples, class by class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.data.labels import MANY, Targets, numbers_hint

__all__ = ["split"]


def split(y: Targets, share: float, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the row numbers, sorted, for training and for validation: round(share · n), at least 1, for validation.

    The split is stratified: each class is sampled in proportion (the largest remainders get what rounding leaves
    over), and every class keeps a sample for training.

    Raises:
        DataError: no class has a sample to spare.
    """
    codes = np.zeros(len(y), dtype=np.intp) if y.codes is None else y.codes
    counts = np.bincount(codes)
    spare = np.maximum(counts - 1, 0)
    total = min(max(round(share * len(codes)), 1), int(spare.sum()))
    if total == 0:
        hint = "" if y.classes is None else numbers_hint(y.classes, MANY)
        raise DataError(f"validation_share = {share:g} needs a sample to spare, and no class has more than one{hint}")
    sizes = np.minimum(np.floor(share * counts).astype(np.intp), spare)
    by_remainder = np.argsort(sizes - share * counts, kind="stable")
    while (missing := total - int(sizes.sum())) > 0:
        sizes[by_remainder[(sizes < spare)[by_remainder]][:missing]] += 1
    is_validation = np.zeros(len(codes), dtype=bool)
    for code, size in enumerate(sizes.tolist()):
        is_validation[rng.permutation(np.flatnonzero(codes == code))[:size]] = True
    return np.flatnonzero(~is_validation), np.flatnonzero(is_validation)
