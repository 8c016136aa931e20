"""Which rows are held out: stratified by class, groups undivided, and the folds of a cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modnet import ConfigError, Data, DataError, RunConfig, Trainer
from modnet.core.random import Stream, generator
from modnet.data.distinct import group_codes
from modnet.data.labels import Targets
from modnet.data.splitting import divide, folds, split
from modnet.training.setup import split_data

Rows = NDArray[np.intp]


def labelled(labels: Any) -> Targets:
    return Targets.fit(labels, len(labels), "y")


def skewed(groups: int, classes: int, samples: int, seed: int) -> tuple[Targets, Rows, Rows]:
    """Return targets, their codes and groups: of unequal sizes, each with a class that it prefers."""
    rng = np.random.default_rng(seed)
    of = rng.choice(groups, samples, p=rng.dirichlet(np.ones(groups)))
    codes = np.where(rng.random(samples) < 0.3, rng.integers(classes, size=groups)[of], np.arange(samples) % classes)
    return labelled(codes), codes, of


@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=6),
    st.floats(0.001, 0.999),
    st.integers(0, 2**32 - 1),
)
def test_split_is_stratified(counts: list[int], share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    y, n = Targets.fit(labels, len(labels), "y"), sum(counts)
    if max(counts) == 1:
        with pytest.raises(DataError, match="a sample to spare"):
            split(y, share, rng)
        return
    train, validation = split(y, share, rng)
    assert sorted([*train.tolist(), *validation.tolist()]) == list(range(n))
    assert (np.diff(train) > 0).all()
    assert (np.diff(validation) > 0).all()
    assert (np.bincount(labels[train], minlength=len(counts)) >= 1).all()
    wanted, taken = max(round(share * n), 1), np.bincount(labels[validation], minlength=len(counts))
    assert len(validation) == min(wanted, n - len(counts))
    if all(share * count <= count - 1 for count in counts) and wanted == round(share * n):
        assert (np.abs(taken - share * np.array(counts)) < 1 + 1e-9).all()


@pytest.mark.parametrize(
    ("share", "sizes"),
    [
        (0.25, [3, 3, 4]),  # quotas 2.5, 3.5, 4.0 of 10
        (0.3, [3, 4, 5]),  # quotas 3.0, 4.2, 4.8 of 12
        (0.17, [2, 2, 3]),  # quotas 1.7, 2.38, 2.72 of 7
    ],
)
def test_largest_remainders_get_what_is_left(share: float, sizes: list[int]) -> None:
    y = Targets.fit([0] * 10 + [1] * 14 + [2] * 16, 40, "y")
    validation = split(y, share, np.random.default_rng(0))[1]
    assert y.codes is not None
    assert np.bincount(y.codes[validation]).tolist() == sizes


def test_split_depends_on_the_generator_alone() -> None:
    y = Targets.fit(list(range(4)) * 10, 40, "y")
    first, same, different = (split(y, 0.2, np.random.default_rng(seed))[1].tolist() for seed in (1, 1, 2))
    assert first == same != different


def test_numbers_are_sampled_without_classes() -> None:
    y = Targets.fit(np.linspace(0, 1, 11), 11, "y")
    train, validation = split(y, 0.3, np.random.default_rng(0))
    assert (len(train), len(validation)) == (8, 3)
    assert sorted([*train, *validation]) == list(range(11))
    assert len(split(y, 0.001, np.random.default_rng(0))[1]) == 1
    with pytest.raises(DataError, match=r"validation_share = 0.5"):
        split(Targets.fit([1.0], 1, "y"), 0.5, np.random.default_rng(0))


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 2)), min_size=2, max_size=40),
    st.floats(0.01, 0.99),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_no_group_is_divided(rows: list[tuple[int, int]], share: float, seed: int, with_classes: bool) -> None:
    groups = np.array([group for group, _ in rows])
    labels = np.array([label if with_classes else 0 for _, label in rows])
    y = labelled(labels) if len(set(labels.tolist())) > 1 else labelled(labels.astype(float))

    def rest_of(group: int) -> set[int]:
        return set(labels[groups != group].tolist())

    spare = {group for group in groups.tolist() if rest_of(group) == set(labels.tolist())}
    if not spare:
        with pytest.raises(DataError, match=r"^data.validation_share = .* holds out whole groups, and "):
            split(y, share, np.random.default_rng(seed), groups)
        return
    train, held_out = split(y, share, np.random.default_rng(seed), groups)
    assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(len(rows)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(held_out) > 0).all()
    assert not set(groups[train].tolist()) & set(groups[held_out].tolist())
    assert len(held_out) > 0
    assert set(labels[train].tolist()) == set(labels.tolist())


@pytest.mark.parametrize(
    ("share", "held_out"), [(0.2, 2), (0.25, 2), (0.3, 3), (0.5, 5), (0.9, 9), (0.04, 1), (0.99, 9)]
)
def test_equal_groups_are_counted_as_samples_are(share: float, held_out: int) -> None:
    """Ten groups of three. By hand: the n-th one that is held out is the first for which (2n - 1) / share is less."""
    groups = np.repeat(np.arange(10), 3)
    y = labelled(np.linspace(0, 1, 30))
    found = {tuple(np.unique(groups[split(y, share, generator(seed, Stream.SPLIT), groups)[1]])) for seed in range(9)}
    assert {len(each) for each in found} == {held_out}
    assert len(found) > 1  # which ones depends on the seed


def test_large_groups_are_balanced_by_small_ones() -> None:
    sizes = [2, 4, 2, 8, 2, 4, 2]  # by hand, the largest first: 8 + 2 + 2, and 4 + 4 + 2 + 2
    groups, y = np.repeat(np.arange(7), sizes), labelled(np.linspace(0, 1, 24))
    for seed in range(20):
        assert [len(rows) for rows in folds(y, 2, np.random.default_rng(seed), groups)] == [12, 12]


def test_where_every_group_is_more_than_the_share_the_smallest_is_held_out() -> None:
    groups, y = np.repeat(np.arange(4), [5, 3, 4, 3]), labelled(np.linspace(0, 1, 15))
    found = [split(y, 0.01, np.random.default_rng(seed), groups)[1].tolist() for seed in range(20)]
    assert sorted({tuple(rows) for rows in found}) == [(5, 6, 7), (12, 13, 14)]


def test_a_class_of_each_group_is_balanced() -> None:
    # Eight groups, four of each class: by hand one of each class is a quarter of both.
    groups, labels = np.repeat(np.arange(8), 5), np.repeat([0, 1], 20)
    for seed in range(20):
        held_out = split(labelled(labels), 0.25, np.random.default_rng(seed), groups)[1]
        assert np.bincount(labels[held_out]).tolist() == [5, 5]


@pytest.mark.parametrize("shape", [(20, 2, 200), (50, 3, 500), (30, 5, 300), (200, 10, 2000)])
def test_groups_are_as_stratified_as_in_scikit_learn(shape: tuple[int, int, int]) -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    deviations = []
    for seed in range(12):
        y, codes, groups = skewed(*shape, seed)
        theirs = selection.StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(codes, codes, groups)
        once = split(y, 0.2, np.random.default_rng(seed), groups)[1]
        parts = folds(y, 5, np.random.default_rng(seed), groups), [rows for _, rows in theirs], [once]
        total = np.bincount(codes)
        fractions = [[np.bincount(codes[r], minlength=len(total)) / total for r in each] for each in parts]
        deviations.append([np.mean(np.abs(np.array(each) - 0.2)) for each in fractions])
    ours, theirs, once = np.mean(deviations, axis=0)
    assert ours <= theirs
    assert once <= theirs


def test_too_few_groups_are_one_line() -> None:
    y = labelled([0, 0, 1, 1])
    for groups, problem in [
        ([5, 5, 5, 5], "there is only one"),
        ([5, 5, 6, 6], "each of the 2 has all samples of a class"),
    ]:
        with pytest.raises(DataError) as caught:
            split(y, 0.25, np.random.default_rng(0), np.array(groups), "here: data.test_share")
        assert str(caught.value) == f"here: data.test_share = 0.25 holds out whole groups, and {problem}"


@pytest.mark.parametrize("count", [2, 3, 5, 10])
@pytest.mark.parametrize("seed", range(10))
def test_folds_have_the_class_counts_of_scikit_learn(count: int, seed: int) -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    rng = np.random.default_rng(seed)
    # The classes appear in their order, as scikit-learn numbers them; each has as many samples as there are folds.
    codes = np.concatenate([np.arange(4).repeat(count), rng.choice(4, 37 + seed, p=[0.5, 0.3, 0.15, 0.05])])
    found = folds(labelled(codes), count, rng)
    theirs = [rows for _, rows in selection.StratifiedKFold(count).split(codes, codes)]
    assert [np.bincount(codes[rows]).tolist() for rows in found] == [np.bincount(codes[r]).tolist() for r in theirs]
    assert sorted(np.concatenate(found).tolist()) == list(range(len(codes)))
    assert all((np.diff(rows) > 0).all() for rows in found)
    again, other = (folds(labelled(codes), count, np.random.default_rng(each)) for each in (1, 2))
    assert [rows.tolist() for rows in again] != [rows.tolist() for rows in other]


def test_folds_of_numbers_are_of_equal_size() -> None:
    found = folds(labelled(np.linspace(0, 1, 11)), 4, np.random.default_rng(0))
    assert [len(rows) for rows in found] == [3, 3, 3, 2]
    assert sorted(np.concatenate(found).tolist()) == list(range(11))


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=60),
    st.integers(3, 5),
    st.integers(0, 2**32 - 1),
)
def test_folds_of_groups(rows: list[tuple[int, int]], count: int, seed: int) -> None:
    """With fewer classes than folds, there is always one that a group may go to."""
    groups, labels = np.array([group for group, _ in rows]), np.array([label % (count - 1) for _, label in rows])
    if len(set(labels.tolist())) == 1:
        return
    y, distinct = labelled(labels), set(groups.tolist())
    if len(distinct) < count or any(len(set(groups[labels == label].tolist())) == 1 for label in labels):
        with pytest.raises(DataError, match=f"^folds = {count}"):
            folds(y, count, np.random.default_rng(seed), groups)
        return
    found = folds(y, count, np.random.default_rng(seed), groups)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(rows)))
    assert all(len(rows) for rows in found)
    assert sum(len(set(groups[rows].tolist())) for rows in found) == len(distinct)
    for fold in found:
        assert set(np.delete(labels, fold).tolist()) == set(labels.tolist())


@pytest.mark.parametrize(
    ("labels", "count", "groups", "message"),
    [
        ([0, 1, 0, 1], 1, None, "folds = 1; allowed: 2 or more"),
        ([0, 1, 0, 1], 5, None, "folds = 5 needs as many samples, and there are 4"),
        (["a", "b", "a"], 2, None, "folds = 2: class 'b' is in one sample only, so"),
        ([0, 1, 0, 1], 3, [7, 7, 8, 8], "folds = 3 needs as many groups, and there are 2"),
        ([0, 1, 0, 1], 2, [7, 7, 7, 7], "folds = 2 needs as many groups, and there is 1"),
        ([0, 1, 0, 1], 2, [7, 8, 8, 8], "folds = 2: class 1 is in one group only, so"),
    ],
)  # fmt: skip
def test_impossible_folds_are_one_line(labels: Any, count: int, groups: Any, message: str) -> None:
    with pytest.raises((ConfigError, DataError)) as caught:
        folds(labelled(labels), count, np.random.default_rng(0), None if groups is None else np.array(groups))
    end = " one fold would have none to train with" if message.endswith("so") else ""
    assert str(caught.value) == message + end


def test_classes_of_few_groups() -> None:
    # Class 2 is in groups 0 and 1, class 3 in 0 and 2, class 0 in all: group 0 has to be alone.
    labels, groups = np.array([2, 3, 0, 2, 0, 3, 0]), np.array([0, 0, 0, 1, 1, 2, 2])
    found = folds(labelled(labels), 2, np.random.default_rng(0), groups)
    assert sorted(sorted(set(groups[rows].tolist())) for rows in found) == [[0], [1, 2]]
    # Classes 1, 2 and 3 are in two of three groups each, and no two folds keep them apart.
    labels, groups = np.array([1, 2, 1, 3, 2, 3]), np.array([0, 0, 1, 1, 2, 2])
    with pytest.raises(DataError, match=r"^folds = 2: no division of the groups was found in which each class keeps"):
        folds(labelled(labels), 2, np.random.default_rng(0), groups)


Y = labelled(np.arange(100) % 4)


def test_the_test_part_is_sampled_first_and_validation_from_what_is_left() -> None:
    both = divide(Y, {"validation": 0.25, "test": 0.2}, {}, None, 3, "here")
    assert {part: len(rows) for part, rows in both.items()} == {"train": 60, "validation": 20, "test": 20}
    assert list(both) == ["train", "validation", "test"]
    assert sorted(np.concatenate(list(both.values())).tolist()) == list(range(100))
    for rows in both.values():
        assert len(set(np.bincount(Y.codes[rows]).tolist())) == 1
    test = divide(Y, {"test": 0.2}, {}, None, 3, "here")
    assert test["test"].tolist() == both["test"].tolist()
    validation = divide(Y, {"validation": 0.2}, {}, None, 3, "here")["validation"]
    assert validation.tolist() == split(Y, 0.2, generator(3, Stream.SPLIT))[1].tolist()
    assert validation.tolist() != test["test"].tolist()  # each has a generator of its own
    assert divide(Y, {"test": 0.2}, {}, None, 4, "here")["test"].tolist() != test["test"].tolist()


def test_groups_are_in_one_of_three_parts() -> None:
    for seed in range(20):
        y, _, groups = skewed(25, 3, 300, seed)
        parts = divide(y, {"validation": 0.2, "test": 0.2}, {}, groups, seed, "here")
        of = [set(groups[rows].tolist()) for rows in parts.values()]
        assert sum(map(len, of)) == len(set(groups.tolist()))
        assert all(of)


def test_what_the_test_takes_is_not_there_for_validation() -> None:
    y = labelled([0, 0, 1, 1])
    assert [len(rows) for rows in divide(y, {"test": 0.5}, {}, None, 0, "here").values()] == [2, 2]
    with pytest.raises(DataError, match=r"^here: data.validation_share = 0.5 needs a sample to spare"):
        divide(y, {"test": 0.5, "validation": 0.5}, {}, None, 0, "here")
    groups = np.array([0, 1, 0, 1])
    with pytest.raises(
        DataError, match=r"^here: data.validation_share = 0.5 holds out whole groups, and there is only"
    ):
        divide(y, {"test": 0.5, "validation": 0.5}, {}, groups, 0, "here")


def test_rows_that_are_known_are_not_sampled_again() -> None:
    known = {"validation": [3, 1], "test": np.array([0, 99])}
    parts = divide(Y, {"validation": 0.2, "test": 0.2}, known, None, 0, "here")
    assert (parts["validation"].tolist(), parts["test"].tolist()) == ([1, 3], [0, 99])
    assert parts["train"].tolist() == [2, *range(4, 99)]
    one = divide(Y, {"validation": 0.2, "test": 0.2}, {"test": range(50)}, None, 0, "here")
    assert one["test"].tolist() == list(range(50))
    assert len(one["validation"]) == 10
    assert divide(Y, {"test": 0.2}, known, None, 0, "here")["train"].tolist() == list(range(1, 99))


@pytest.mark.parametrize(
    "known",
    [
        {"validation": [100]},
        {"validation": [-1]},
        {"validation": []},
        {"validation": range(100)},
        {"validation": range(50), "test": range(50, 100)},
        {"validation": [1, 2], "test": [2, 3]},
    ],
)
def test_rows_that_cannot_have_been_held_out(known: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"^here: 100 rows, of which .* were held out; they must be those of the train"):
        divide(Y, {"validation": 0.2, "test": 0.2}, known, None, 0, "here")


@pytest.mark.parametrize("held_out", [[1, 2], np.arange(3), {"train": [1]}, None])
def test_what_is_held_out_is_said_by_part(held_out: Any) -> None:
    with pytest.raises(DataError, match=r"^training: held_out expects row numbers by validation or test, got "):
        Data((np.zeros((4, 1)), [0, 1, 0, 1]), held_out=held_out)


X = np.random.default_rng(0).normal(size=(60, 3))
LABELS = np.array(["left", "right", "up"])[np.arange(60) % 3]
PATIENTS = np.random.default_rng(1).integers(12, size=60)
WORDS = [f"patient {number}" for number in PATIENTS]
SHARES = {"validation_share": 0.2, "test_share": 0.2}
CONFIG: dict[str, Any] = {"epochs": 1, "network": {"layers": [4, 3]}, "data": SHARES}


def frame(name: str) -> Callable[[], Any]:
    return lambda: pytest.importorskip(name).Series(WORDS)


FORMS: dict[str, Callable[[], Any]] = {
    "integers": lambda: PATIENTS,
    "a list": PATIENTS.tolist,
    "floats": lambda: PATIENTS * 0.5,
    "text": lambda: np.array(WORDS),
    "a list of text": lambda: WORDS,
    "objects": lambda: np.array(WORDS, dtype=object),
    "strings": lambda: np.array(WORDS, dtype=np.dtypes.StringDType()),
    "tuples": lambda: [(number % 3, number) for number in PATIENTS],
    "1 and '1'": lambda: [str(number) if number % 2 else int(number) for number in PATIENTS],
    "pandas": frame("pandas"),
    "polars": frame("polars"),
    "days": lambda: np.datetime64("2024-01-01") + PATIENTS,
}


@pytest.mark.parametrize("form", FORMS)
def test_groups_of_any_hashable_objects(form: str) -> None:
    run = Trainer.from_config(CONFIG).fit(X, LABELS, groups=FORMS[form]())
    rows = {part: samples.held_out for part, samples in run.samples.items()}
    assert rows["train"] is None
    rows["train"] = np.setdiff1d(np.arange(60), np.concatenate([rows["validation"], rows["test"]]))
    of = [set(PATIENTS[each].tolist()) for each in rows.values()]
    assert sum(map(len, of)) == len(set(PATIENTS.tolist()))
    assert all(of)
    for part, samples in run.samples.items():
        np.testing.assert_array_equal(samples.x, X[rows[part]])
        codes = dict(zip(samples.groups.tolist(), PATIENTS[rows[part]].tolist(), strict=True))  # one to one
        assert len(codes) == len(set(codes.values())) == len(set(PATIENTS[rows[part]].tolist()))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (PATIENTS[:59], " has the shape (59,); one group for each of the 60 samples is needed"),
        (PATIENTS[:, None], " has the shape (60, 1); one group for each of the 60 samples is needed"),
        (3, " has the shape (); one group for each of the 60 samples is needed"),
        ([None, *WORDS[1:]], ": row 0 (counted from 0) is None, which cannot be a group"),
        (np.where(np.arange(60) == 7, np.nan, PATIENTS), ": row 7 (counted from 0) is nan, which cannot be a group"),
        ([*WORDS[:59], []], ": row 59 (counted from 0) is [], which cannot be a group"),
        (["all"] * 60, ""),
    ],
)
def test_what_is_no_group_is_one_line(groups: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        Trainer.from_config(CONFIG).fit(X, LABELS, groups=groups)
    text = f"training groups{message}"
    if not message:
        text = "training samples: data.test_share = 0.2 holds out whole groups, and there is only one"
    assert str(caught.value).startswith(text)
    assert "\n" not in str(caught.value)


def test_groups_need_x_and_are_checked_where_nothing_is_held_out() -> None:
    with pytest.raises(DataError, match="groups, validation and test need x"):
        Trainer.from_config(CONFIG).fit(groups=WORDS)
    with pytest.raises(DataError, match="training groups has the shape"):
        Trainer.from_config({**CONFIG, "data": {}}).fit(X, LABELS, groups=WORDS[:5])
    assert group_codes(["b", "a", "b"], 3, "groups").tolist() == [1, 0, 1]


def test_own_parts_come_before_shares() -> None:
    own = {"validation": (X[:9], LABELS[:9]), "test": (X[:6], LABELS[:6])}
    run = Trainer.from_config(CONFIG).fit(X, LABELS, groups=WORDS, **own)
    assert {part: len(samples) for part, samples in run.samples.items()} == {"train": 60, "validation": 9, "test": 6}
    for part in own:
        run = Trainer.from_config(CONFIG).fit(X, LABELS, **{part: own[part]})
        other = "validation" if part == "test" else "test"
        assert list(run.samples) == ["train", "validation", "test"]
        assert [len(run.samples[each]) for each in ("train", part, other)] == [48, len(own[part][0]), 12]
        assert run.samples[part].held_out is None
    assert [name for name in run.history[0] if name.endswith("_cost")] == ["validation_cost", "test_cost"]
    assert run.test["cost"] == pytest.approx(run.evaluate("test")["cost"])


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_an_array_of_groups(kind: str, tmp_path: Path) -> None:
    arrays = {"x": X, "y": LABELS, "patient": np.array(WORDS)}
    path = tmp_path / "data.npz"
    if kind == "npz":
        np.savez(path, **arrays)
    else:
        path = tmp_path
        for name, array in arrays.items():
            pieces = {f"{name}-0": array[:20], f"{name}-1": array[20:]} if name == "patient" else {name: array}
            for file, piece in pieces.items():
                np.save(tmp_path / f"{file}.npy", piece)
    table = {"kind": kind, "path": str(path), "group": "patient", **SHARES}
    config = RunConfig.model_validate({**CONFIG, "data": table})
    parts = split_data(config, config.data.load())
    given = Trainer.from_config(CONFIG).fit(X, LABELS, groups=WORDS).samples
    for part in ("validation", "test"):
        assert parts[part].held_out.tolist() == given[part].held_out.tolist()
    plain = split_data(config, Data((X, LABELS)))
    assert plain["test"].held_out.tolist() != parts["test"].held_out.tolist()
    absent = RunConfig.model_validate({**CONFIG, "data": table | {"group": "clinic"}})
    with pytest.raises(DataError, match="clinic"):
        absent.data.load()


def test_class_weights_and_sample_weights_follow_the_rows() -> None:
    config = RunConfig.model_validate({**CONFIG, "data": SHARES | {"class_weight": "balanced"}})
    parts = split_data(config, Data((X, LABELS, 1.0 + np.arange(60))))
    for part in ("validation", "test"):
        assert parts[part].weights.tolist() == (1.0 + parts[part].held_out).tolist()
    train, weights = parts["train"], parts["train"].weights
    assert weights is not None
    assert train.targets.codes is not None
    np.testing.assert_allclose(np.bincount(train.targets.codes, weights), weights.sum() / 3, rtol=1e-12)
