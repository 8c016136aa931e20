"""Which rows are held out: a random share of the samples, class by class and group by group, or one fold of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import ConfigError, DataError
from modnet.core.messages import short_repr
from modnet.core.random import Stream, generator
from modnet.data.distinct import MANY, numbers_hint
from modnet.data.labels import Targets

__all__ = ["divide", "folds", "split"]

_Rows: TypeAlias = NDArray[np.intp]
"""Row numbers, increasing; or a number for each sample."""

_STREAMS = {"test": Stream.TEST_SPLIT, "validation": Stream.SPLIT}
"""The parts that are sampled, in this order: the second is a share of what the first leaves."""


def divide(
    y: Targets, shares: Mapping[str, float], known: Mapping[str, Any], groups: _Rows | None, seed: int, where: str
) -> dict[str, _Rows]:
    """Return the row numbers of ``train`` and of the parts that are held out, ``validation`` and ``test``.

    Rows that are ``known`` stay what they are. Of the others, ``test`` is sampled first, and ``validation`` is a share
    of what is left, each with a generator of its own.

    Args:
        y: The targets of all samples.
        shares: Part → its share, above 0, for each part that is held out.
        known: Part → its row numbers, where an earlier run has sampled them.
        groups: The number of each sample's group, if any; see `split`.
        seed: The seed of the generators.
        where: What errors call the samples ("training samples").

    Raises:
        DataError: as `split`; the known rows are not among these samples, or no others are left.
    """
    rows = {part: np.unique(np.asarray(known[part], dtype=np.intp)) for part in shares if part in known}
    rest = _others(list(rows.values()), len(y), where)
    for part, stream in _STREAMS.items():
        if part in shares and part not in rows:
            option, of_rest = f"{where}: data.{part}_share", None if groups is None else groups[rest]
            kept, held_out = split(y.take(rest), shares[part], generator(seed, stream), of_rest, option)
            rows[part], rest = rest[held_out], rest[kept]
    return {"train": rest} | {part: rows[part] for part in ("validation", "test") if part in rows}


def split(
    y: Targets,
    share: float,
    rng: np.random.Generator,
    groups: _Rows | None = None,
    option: str = "data.validation_share",
) -> tuple[_Rows, _Rows]:
    """Return the row numbers, sorted, of the samples that are kept and of those that are held out.

    The split is stratified, and every class keeps a sample. round(share · n) samples, at least 1, are held out: each
    class is sampled in proportion, and the largest remainders get what rounding leaves over. With ``groups``, the
    number of each sample's group, groups are kept or held out whole, at least one of them: from the largest to the
    smallest, and in random order among those of similar size, each goes to where its classes lack most of their share.

    Raises:
        DataError: no class has a sample to spare, or no group can be held out; ``option`` is what asks for it.
    """
    codes = _codes(y)
    if groups is not None:
        is_held_out = _held_out_groups(codes, groups, share, rng, option)
        return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)
    counts = np.bincount(codes)
    spare = np.maximum(counts - 1, 0)
    total = min(max(round(share * len(codes)), 1), int(spare.sum()))
    if total == 0:
        there = "there is only one"
        if y.classes is not None:
            there = f"no class has more than one{numbers_hint(y.classes, MANY)}"
        raise DataError(f"{option} = {share:g} needs a sample to spare, and {there}")
    sizes = np.minimum(np.floor(share * counts).astype(np.intp), spare)
    by_remainder = np.argsort(sizes - share * counts, kind="stable")
    while (missing := total - int(sizes.sum())) > 0:
        sizes[by_remainder[(sizes < spare)[by_remainder]][:missing]] += 1
    is_held_out = np.zeros(len(codes), dtype=bool)
    for code, size in enumerate(sizes.tolist()):
        is_held_out[rng.permutation(np.flatnonzero(codes == code))[:size]] = True
    return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)


def folds(y: Targets, count: int, rng: np.random.Generator, groups: _Rows | None = None) -> list[_Rows]:
    """Return the row numbers, sorted, of the validation samples of each of ``count`` folds; others train.

    Every sample is in one fold. The samples are sorted by class, in random order within each, and dealt out in turn, so
    that the numbers of a class's samples in two folds differ by at most 1, and so do the sizes of the folds. With
    ``groups``, the number of each sample's group, groups are dealt out whole, as in `split`.

    Raises:
        ConfigError: fewer than two folds.
        DataError: there are fewer samples or groups than folds, or a class would be missing from the training samples.
    """
    if count < 2:
        raise ConfigError(f"folds = {count}; allowed: 2 or more")
    codes = _codes(y)
    members = None if groups is None else _members(codes, groups)
    noun, units = ("sample", len(codes)) if members is None else ("group", len(members.classes))
    if units < count:
        raise DataError(f"folds = {count} needs as many {noun}s, and there {'is 1' if units == 1 else f'are {units}'}")
    of_class = np.bincount(codes if members is None else np.concatenate(members.classes))
    if y.classes is not None and (of_class == 1).any():
        label = short_repr(y.classes[int(np.argmax(of_class == 1))])
        problem = f"class {label} is in one {noun} only, so one fold would have none to train with"
        raise DataError(f"folds = {count}: {problem}")
    if members is None:
        order = rng.permutation(len(codes))
        order = order[np.argsort(codes[order], kind="stable")]
        return [np.sort(order[fold::count]) for fold in range(count)]
    fold_of = _assign(members, np.full(count, 1.0 / count), np.ones(count, dtype=bool), rng)
    if (fold_of < 0).any():
        problem = "no division of the groups was found in which each class keeps training samples; fewer folds may do"
        raise DataError(f"folds = {count}: {problem}")
    return [np.flatnonzero(fold_of[members.numbers] == fold) for fold in range(count)]


def _others(parts: Sequence[_Rows], count: int, where: str) -> _Rows:
    """Return which of ``count`` rows are in none of the parts."""
    taken = np.concatenate([np.empty(0, np.intp), *parts])
    lowest, highest = taken.min(initial=0), taken.max(initial=-1)
    is_other = np.ones(count, dtype=bool)
    if 0 <= lowest <= highest + 1 <= count:
        is_other[taken] = False
    if int(is_other.sum()) != count - len(taken) or not is_other.any() or not all(map(len, parts)):
        problem = f"{count} rows, of which {len(taken)} up to row {highest} (counted from 0) were held out"
        raise DataError(f"{where}: {problem}; they must be those of the training")
    return np.flatnonzero(is_other)


class _Members(NamedTuple):
    """Which samples are in each group.

    Attributes:
        numbers: The number of each sample's group, from 0 without a gap, (samples,).
        classes: The classes of each group's samples.
        counts: How many samples it has of each of them.
        totals: How many samples each class has in all, (classes,).
        sizes: How large each group is: the Euclidean norm of its fractions of the classes.
    """

    numbers: _Rows
    classes: Sequence[_Rows]
    counts: Sequence[_Rows]
    totals: _Rows
    sizes: NDArray[np.float64]


def _codes(y: Targets) -> _Rows:
    """Return the class of each sample; without classes all are of one."""
    return np.zeros(len(y), dtype=np.intp) if y.codes is None else y.codes.astype(np.intp)


def _members(codes: _Rows, groups: _Rows) -> _Members:
    distinct, numbers = np.unique(groups, return_inverse=True)
    totals = np.bincount(codes)
    pairs, counts = np.unique(numbers * len(totals) + codes, return_counts=True)
    group, classes = np.divmod(pairs, len(totals))
    cuts = np.searchsorted(group, np.arange(1, len(distinct)))
    sizes = np.sqrt(np.bincount(group, (counts / totals[classes]) ** 2))
    return _Members(numbers, np.split(classes, cuts), np.split(counts, cuts), totals, sizes)


def _assign(
    members: _Members, shares: NDArray[np.float64], needs_rest: NDArray[np.bool_], rng: np.random.Generator
) -> _Rows:
    """Return the part that each group goes to, (groups,); −1 where there is none.

    The largest groups go first, and those whose sizes have the same power of two in random order: a large one that
    comes late could not be balanced. A group goes where Σ_c g(2a + g) / N² / share is least, with g samples of class c
    in the group, a in the part and N in all; among equals, to the smallest. That increases Σ (fraction − share)² /
    share of parts and classes least. For one class and equal groups it is the method of A. Sainte-Laguë, "La
    représentation proportionnelle et la méthode des moindres carrés" (1910). A part that ``needs_rest`` never gets all
    of a class.
    """
    has = np.zeros((len(shares), len(members.totals)))
    size = np.zeros(len(shares))
    part_of = np.full(len(members.classes), -1, dtype=np.intp)
    order = rng.permutation(len(members.classes))
    order = order[np.argsort(-np.frexp(members.sizes[order])[1], kind="stable")]
    for group in order.tolist():
        classes, counts = members.classes[group], members.counts[group]
        before, totals = has[:, classes], members.totals[classes]
        after = before + counts
        is_allowed = ~needs_rest | (after < totals).all(axis=1)
        if not is_allowed.any():
            continue
        score = np.where(is_allowed, (counts * (before + after) / totals**2).sum(axis=1) / shares, np.inf)
        best = np.flatnonzero(score == score.min())
        part = best[np.argmin(size[best] / shares[best])]
        has[part, classes] = after[part]
        size[part] += counts.sum()
        part_of[group] = part
    return part_of


def _held_out_groups(
    codes: _Rows, groups: _Rows, share: float, rng: np.random.Generator, option: str
) -> NDArray[np.bool_]:
    members = _members(codes, groups)
    part_of = _assign(members, np.array([1.0 - share, share]), np.array([False, True]), rng)
    if not part_of.any():  # each is more than the share: the smallest, among equals one at random
        count = len(members.classes)
        sizes = np.array([counts.sum() for counts in members.counts])
        pairs = zip(members.classes, members.counts, strict=True)
        is_spare = np.array([(counts < members.totals[classes]).all() for classes, counts in pairs])
        if not is_spare.any():
            problem = "there is only one" if count == 1 else f"each of the {count} has all samples of a class"
            raise DataError(f"{option} = {share:g} holds out whole groups, and {problem}")
        part_of[rng.choice(np.flatnonzero(is_spare & (sizes == sizes[is_spare].min())))] = 1
    held_out: NDArray[np.bool_] = part_of[members.numbers] == 1
    return held_out
