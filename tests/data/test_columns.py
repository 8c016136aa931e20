"""Names of columns: in whatever order they come, each enters the network where it was trained, or a line says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.holding import X, Y, fit

from modnet import Data, DataError, ModnetError, Network, Trainer, load, load_config, save
from modnet.training.setup import build

CONFIG = {"epochs": 2, "network": {"layers": [2]}, "optimizer": {"batch_size": 5}, "data": {"transforms": ["standard"]}}


class Frame:
    """Numbers in columns with names of whatever type, as pandas has them."""

    def __init__(self, values: np.ndarray, columns: Any) -> None:
        self.values, self.columns = values, columns

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.values


def trained(columns: Any) -> Network:
    return fit(Frame(X, columns), Y).network


def arrow(values: np.ndarray, columns: Any) -> Any:
    pa = pytest.importorskip("pyarrow")
    return pa.table(dict(zip(columns, values.T, strict=True)))


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        (["a", "b", "c"], ("a", "b", "c")),
        (range(3), (0, 1, 2)),
        (np.array([7, -1, 300]), (7, -1, 300)),
        ([2, "1", 0], (2, "1", 0)),
        ([400.5, 401.0, ("up", 1)], ("400.5", "401.0", "('up', 1)")),
    ],
)
def test_names_of_any_type_decide(tmp_path: Path, columns: Any, kept: tuple[Any, ...]) -> None:
    network = trained(columns)
    save(network, tmp_path / "m.safetensors")
    expected = network.predict(X)
    for each in (network, load(tmp_path / "m.safetensors")):
        assert each.features == kept
        assert list(map(type, each.features)) == list(map(type, kept))
        assert (
            each.predict(Frame(X[:, [2, 0, 1]], [columns[2], columns[0], columns[1]])).tobytes() == expected.tobytes()
        )
        assert each.predict(Frame(np.hstack([Y[:, None], X]), ["new", *columns])).tobytes() == expected.tobytes()
        assert each.predict(Frame(X[:, ::-1], list(map(str, columns))[::-1])).tobytes() == expected.tobytes()
        assert each.predict(X).tobytes() == expected.tobytes()


def test_tables_of_pyarrow_have_names() -> None:
    run = fit(arrow(X, "abc"), Y, validation=(arrow(X[:, ::-1], "cba"), Y))
    assert run.network.features == ("a", "b", "c")
    assert run.network.parameters.tobytes() == fit(X, Y).network.parameters.tobytes()
    assert run.history[-1]["validation_cost"] == fit(X, Y, validation=(X, Y)).history[-1]["validation_cost"]
    assert (run.network.predict(arrow(X[:, ::-1], "cba").to_batches()[0]) == run.network.predict(X)).all()


LONG = [f"column-{number}" for number in range(1000)]
ABC = Frame(X, list("abc"))
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "other names": (
        lambda: trained("abc").predict(Frame(X, ["a", "d", "e"])),
        "x: there is no column 'b', 'c'; the columns are 'a', 'd', 'e', and were 'a', 'b', 'c' in training",
    ),
    "names instead of numbers": (
        lambda: trained(range(3)).predict(ABC),
        "x: there is no column 0, 1, 2; the columns are 'a', 'b', 'c', and were 0, 1, 2 in training",
    ),
    "numbers instead of names": (
        lambda: trained("abc").predict(Frame(X, range(3))),
        "x: there is no column 'a', 'b', 'c'; the columns are 0, 1, 2, and were 'a', 'b', 'c' in training",
    ),
    "a name twice": (
        lambda: trained("abc").predict(Frame(np.hstack([X, X]), list("abcabd"))),
        (
            "x: there is more than one column 'a', 'b'; the columns are 'a', 'b', 'c', 'a', 'b', 'd', and were "
            "'a', 'b', 'c' in training"
        ),
    ),
    "a name twice in training": (lambda: trained("aba"), "training x: 2 columns have the name 'a'"),
    "a name twice as text": (lambda: trained([1, 2, "1"]), "training x: 2 columns have the name '1'"),
    "validation": (
        lambda: fit(ABC, Y, validation=(Frame(X, "abd"), Y)),
        "validation x: there is no column 'c'; the columns are 'a', 'b', 'd', and were 'a', 'b', 'c' in training",
    ),
    "test": (
        lambda: fit(Frame(X, range(3)), Y, test=(ABC, Y)),
        "test x: there is no column 0, 1, 2; the columns are 'a', 'b', 'c', and were 0, 1, 2 in training",
    ),
    "initial": (
        lambda: fit(Frame(X, "bad"), Y, initial=trained("abc")),
        "training x: there is no column 'c'; the columns are 'b', 'a', 'd', and were 'a', 'b', 'c' in training",
    ),
    "initial with less": (
        lambda: fit(Frame(np.hstack([X, X]), "abcdef"), Y, initial=trained("abc")),
        (
            "training x: there is a further column 'd', 'e', 'f'; the columns are 'a', 'b', 'c', 'd', 'e', 'f', "
            "and were 'a', 'b', 'c' in training"
        ),
    ),
    "columns of targets": (
        lambda: fit(X, Frame(X[:, :2], "pq"), validation=(X, Frame(X[:, :2], "pr"))),
        "validation y: there is no column 'q'; the columns are 'p', 'r', and were 'p', 'q' in training",
    ),
    "long lists": (
        lambda: fit(Frame(np.zeros((12, 1000)), LONG), Y).network.predict(Frame(X, "abc")),
        (
            f"x: there is no column {', '.join(map(repr, LONG[:10]))}, … (1000 in all); the columns are 'a', 'b', 'c', "
            f"and were {', '.join(map(repr, LONG[:10]))}, … (1000 in all) in training"
        ),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_do_not_fit_are_one_line(name: str) -> None:
    attempt, message = REFUSED[name]
    with pytest.raises(ModnetError) as caught:
        attempt()
    assert str(caught.value) == message


def test_training_goes_on_from_a_network_by_its_names() -> None:
    trainer, first = Trainer.from_config(CONFIG), trained("abc")
    expected = trainer.fit(ABC, Y, initial=first).network
    for x in (Frame(X[:, [1, 2, 0]], "bca"), X):
        network = trainer.fit(x, Y, initial=first).network
        assert network.features == ("a", "b", "c")
        assert network.parameters.tobytes() == expected.parameters.tobytes()
    assert trainer.fit(Frame(X, "bca"), Y, initial=fit(X, Y).network).network.features == ("b", "c", "a")


def test_names_that_a_dataset_gives(tmp_path: Path) -> None:
    network = build(load_config(CONFIG), Data((X, Y), features=np.array(["a", "b", "c"])), None).network
    save(network, tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors").features == network.features == ("a", "b", "c")
    frames = Data((Frame(X[:, ::-1], "cba"), Y), features=("a", "b", "c"))  # a frame's own names come first
    assert build(load_config(CONFIG), frames, None).network.features == ("c", "b", "a")
    with pytest.raises(DataError, match=r"^training x: samples of shape \(3,\), but 2 names of columns$"):
        build(load_config(CONFIG), Data((X, Y), features=("a", "b")), None)


def test_columns_of_targets_go_by_name() -> None:
    y, linear = X[:, :2], {"kind": "dense", "units": 2, "activation": "identity"}
    run = fit(X, Frame(y, "pq"), [linear], validation=(X, Frame(y[:, ::-1], "qp")))
    assert run.history[-1]["validation_cost"] == fit(X, y, [linear], validation=(X, y)).history[-1]["validation_cost"]


def same_model(run: Any, folder: Path) -> bool:
    return (run.folder / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize(("order", "names"), [([0, 1, 2], "abc"), ([2, 0, 1], "cab"), ([0, 1, 2], None)])
def test_a_training_is_resumed_by_names(tmp_path: Path, order: list[int], names: str | None) -> None:
    config = {**CONFIG, "callbacks": ["checkpoint"]}
    Trainer.from_config({**config, "epochs": 4}).fit(ABC, Y, out=tmp_path / "whole", validation=(ABC, Y))
    Trainer.from_config(config).fit(ABC, Y, out=tmp_path / "run", validation=(ABC, Y))
    x = X if names is None else Frame(X[:, order], names)
    run = Trainer.resume(tmp_path / "run", x, Y, validation=(x, Y), epochs=4)
    assert run.network.features == ("a", "b", "c")
    assert same_model(run, tmp_path / "whole")


def test_a_training_without_names_stays_without(tmp_path: Path) -> None:
    config = {**CONFIG, "callbacks": ["checkpoint"]}
    Trainer.from_config({**config, "epochs": 4}).fit(X, Y, out=tmp_path / "whole")
    Trainer.from_config(config).fit(X, Y, out=tmp_path / "run")
    assert same_model(Trainer.resume(tmp_path / "run", ABC, Y, epochs=4), tmp_path / "whole")


def write_table(path: Path, header: str, order: list[int]) -> None:
    rows = [",".join(map(str, [*x[order], y])) for x, y in zip(X, Y, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")


@pytest.mark.parametrize(
    ("header", "order", "error"),
    [
        ("b,a,c,y", [1, 0, 2], None),
        ("b,a,c,y", [0, 1, 2], "samples: must be those of the interrupted run, "),
        (
            "a,b,z,y",
            [0, 1, 2],
            "training x: there is no column 'c'; the columns are 'a', 'b', 'z', and were 'a', 'b', 'c' in ",
        ),
    ],
)
def test_a_header_that_changes_before_a_resume(
    tmp_path: Path, header: str, order: list[int], error: str | None
) -> None:
    table, run = tmp_path / "t.csv", tmp_path / "run"
    data = {"kind": "csv", "path": str(table), "target": "y", "validation_share": 0.25}
    config = {**CONFIG, "callbacks": ["checkpoint"], "data": data}
    write_table(table, "a,b,c,y", [0, 1, 2])
    Trainer.from_config({**config, "epochs": 4}).fit(out=tmp_path / "whole")
    Trainer.from_config(config).fit(out=run)
    write_table(table, header, order)
    if error is None:
        assert same_model(Trainer.resume(run, epochs=4), tmp_path / "whole")
        return
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(DataError) as caught:
        Trainer.resume(run, epochs=4)
    assert error in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
