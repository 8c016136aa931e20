"""A run is evaluated on its own samples, or on those that are given, and never on others without a word."""

from __future__ import annotations

import base64
import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import Modnet, runner, write_csv
from storage.mutating import at_random

import modnet
from modnet import Data, DataError, ModelFileError, Run, Trainer, load, load_config, results, save
from modnet.cli.dampening import _fix
from modnet.data import splitting
from modnet.data.prepared import Samples
from modnet.storage import data_record

RUN = "run"


@pytest.fixture(autouse=True)
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Modnet:
    """The command, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


def told(command: Modnet, *arguments: object) -> dict[str, Any]:
    result = command(*arguments, "--json")
    assert (result.code, result.err) == (0, "")
    found: dict[str, Any] = json.loads(result.out)
    return found


def refused(command: Modnet, *arguments: object) -> str:
    result = command(*arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    return result.err


def configuration(units: int = 3, activation: str = "sigmoid", **data: Any) -> dict[str, Any]:
    last = {"kind": "dense", "units": units, "activation": activation}
    return {"epochs": 4, "network": {"layers": [5, last]}, "data": data} | {"optimizer": {"batch_size": 10}}


X = np.random.default_rng(7).normal(size=(60, 4))
CLASSES = np.argmax(X[:, :3], axis=1)
WORDS = np.array(["ash", "oak", "yew"])[CLASSES]


class Frame:
    """What modnet asks of a data frame."""

    columns = ("a", "b", "c", "d")
    dtypes = (X.dtype,) * 4

    def to_numpy(self) -> np.ndarray:
        return X

    def __len__(self) -> int:
        return len(X)


def memory_mapped() -> np.ndarray:
    np.save("x.npy", X)
    return np.load("x.npy", mmap_mode="r")


# x, y and more of what `fit` takes, and the configuration.
GIVEN: dict[str, tuple[Callable[[], dict[str, Any]], dict[str, Any]]] = {
    "classes": (lambda: {"x": X, "y": CLASSES}, configuration()),
    "text and a split": (lambda: {"x": X, "y": WORDS}, configuration(validation_share=0.3, transforms=["standard"])),
    "a frame, class weights": (
        lambda: {"x": Frame(), "y": WORDS.tolist()},
        configuration(validation_share=0.2, class_weight={"ash": 9.0}),
    ),
    "pairs": (
        lambda: {"x": X[:40], "y": WORDS[:40], "validation": (X[40:50], WORDS[40:50]), "test": (X[50:], WORDS[50:])},
        configuration(transforms=["min-max"]),
    ),
    "weights": (
        lambda: {
            "x": X[:40],
            "y": CLASSES[:40],
            "sample_weight": np.arange(40.0),
            "test": (X[40:], CLASSES[40:], np.arange(20.0)),
        },
        configuration(),
    ),
    "rows in a file": (
        lambda: {"x": memory_mapped(), "y": CLASSES},
        configuration(validation_share=0.3, transforms=["standard"]),
    ),
    "several labels": (
        lambda: {"x": X, "y": (X[:, :2] > 0).astype(int)},
        configuration(2, validation_share=0.3),
    ),
    "a test share": (
        lambda: {"x": X, "y": WORDS, "sample_weight": 1.0 + np.arange(60)},
        configuration(test_share=0.25, validation_share=0.3, transforms=["standard"]),
    ),
    "groups": (
        lambda: {"x": X, "y": WORDS, "groups": [f"tree {row % 17}" for row in range(60)]},
        configuration(test_share=0.25, validation_share=0.3),
    ),
    "own validation, a test share": (
        lambda: {"x": X[:45], "y": CLASSES[:45], "validation": (X[45:], CLASSES[45:])},
        configuration(test_share=0.3),
    ),
    "numbers": (lambda: {"x": X, "y": X[:, :2] * 3.0}, configuration(2, "identity", validation_share=0.3)),
    "float32": (lambda: {"x": X, "y": CLASSES}, configuration(validation_share=0.3) | {"dtype": "float32"}),
}


@pytest.mark.parametrize("name", GIVEN)
def test_samples_given_in_memory_are_never_replaced_by_others(name: str, command: Modnet) -> None:
    given, config = GIVEN[name]
    run = Trainer.from_config(config).fit(**given(), out=RUN)
    assert run.config.data == load_config(f"{RUN}/config.toml").data == load(RUN).config.data
    assert run.config.data.kind == "memory"
    assert [each.kind for each in run.config.data.transforms] == config["data"].get("transforms", [])
    part = next(part for part in ("test", "validation", "train") if part in run.samples)
    expected = {key: pytest.approx(value, rel=1e-6) for key, value in run.evaluate(part).items()}
    found = {"run": RUN, "part": part, "samples": len(run.samples[part])} | expected
    assert told(command, "evaluate", RUN) == found
    assert told(command, "evaluate", f"{RUN}/model.safetensors") == found | {"run": f"{RUN}/model.safetensors"}
    drawn, reported = told(command, "plot", RUN), told(command, "report", RUN)
    assert drawn["figures"] == reported["results"]["figures"] == expected
    assert reported["dampening"] is None
    for arguments in (("dampening", RUN), ("trace", RUN), ("plot", RUN, "--image", "2x2")):
        assert "were given in memory, and are not stored; give them again: --data FILE" in refused(command, *arguments)
    assert refused(command, "train", f"{RUN}/config.toml").startswith(
        f"modnet: {RUN}/config.toml: data.kind: 'memory': "
    )


def test_what_a_run_in_memory_did_not_keep_is_asked_for(command: Modnet, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Trainer.from_config(configuration()).fit(X[:40], CLASSES[:40], test=(X[40:], CLASSES[40:]), out=RUN)
    error = refused(command, "evaluate", RUN, "--part", "train")
    assert error.startswith(
        f"modnet: {RUN}: the training samples were given in memory, and no outputs for them were kept ("
    )
    assert "--part validation: the data has none; allowed: train, test" in refused(
        command, "evaluate", RUN, "--part", "validation"
    )
    np.savez("again.npz", x=X[:40], y=CLASSES[:40])
    found = told(command, "evaluate", RUN, "--data", "again.npz", "--part", "train")
    assert found["accuracy"] == pytest.approx(run.evaluate("train")["accuracy"])
    monkeypatch.setattr(data_record, "MOST_BYTES", 300)
    Trainer.from_config(configuration()).fit(X, CLASSES, out="large")
    assert "up to 64 MiB); give the samples again" in refused(command, "evaluate", "large")
    save(run.network, "alone.safetensors")
    assert "up to 64 MiB); give the samples again" in refused(command, "evaluate", "alone.safetensors")
    assert told(command, "evaluate", "alone.safetensors", "--data", "again.npz")["samples"] == 40


def test_an_interrupted_run_in_memory_is_resumed_with_its_samples_only(command: Modnet) -> None:
    config = configuration(validation_share=0.3) | {"callbacks": ["checkpoint"]}
    whole = Trainer.from_config(config | {"epochs": 6, "callbacks": []}).fit(X, WORDS)
    Trainer.from_config(config).fit(X, WORDS, out=RUN)
    error = refused(command, "train", "--resume", RUN, "--epochs", 6)
    assert (
        error
        == f"modnet: {RUN}: its samples were given in memory; give them again, in Python: Trainer.resume('run', x, y)\n"
    )
    with pytest.raises(DataError, match="must be those of the interrupted run"):
        Trainer.resume(RUN, X[::-1], WORDS[::-1], epochs=6)
    with pytest.raises(DataError, match="; they must be those of the training"):
        Trainer.resume(RUN, X[:20], WORDS[:20], epochs=6)
    resumed = Trainer.resume(RUN, X, WORDS, epochs=6)
    assert resumed.network.parameters.tobytes() == whole.network.parameters.tobytes()
    found = told(command, "evaluate", RUN)
    assert found["cost"] == pytest.approx(whole.evaluate("validation")["cost"])


def random_labels(path: str, order: slice = slice(None), seed: int = 3) -> None:
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(80, 3)), rng.integers(2, size=80)
    rows = [[*row, label] for row, label in zip(x.tolist(), labels.tolist(), strict=True)]
    write_csv(path, ["a", "b", "c", "label"], rows[order])


def of_file(path: str = "rows.csv", **data: Any) -> dict[str, Any]:
    return configuration(2, kind="csv", path=path, target="label", **data)


def test_rows_in_another_order_are_no_validation_samples(command: Modnet) -> None:
    random_labels("rows.csv")
    run = Trainer.from_config(of_file(validation_share=0.4)).fit(out=RUN)
    before = told(command, "evaluate", RUN)
    assert before["accuracy"] == pytest.approx(run.evaluate("validation")["accuracy"])
    shutil.copy(f"{RUN}/model.safetensors", "alone.safetensors")
    assert told(command, "evaluate", "alone.safetensors") == before | {"run": "alone.safetensors"}
    random_labels("rows.csv", slice(None, None, -1))
    rows = Path.cwd() / "rows.csv"
    for source in (RUN, "alone.safetensors"):
        name = rows if source == RUN else "rows.csv"
        for arguments in (
            ("evaluate",),
            ("evaluate", "--part", "train"),
            ("trace",),
            ("plot",),
            ("report",),
            ("dampening",),
        ):
            if source == RUN or arguments[0] in ("evaluate", "trace"):
                error = refused(command, arguments[0], source, *arguments[1:])
                assert error.startswith(f"modnet: {name}: "), error
                assert f"samples: are not those of {source}: other values, or another order (SHA-256 " in error
                assert error.endswith("; allowed: --data FILE (in Python data=…) with the samples to evaluate\n")
    with pytest.raises(DataError, match="another order"):
        results(RUN)
    random_labels("rows.csv")
    text = rows.read_text()
    for last in "01":  # one label is another one
        rows.write_text(f"{text.rstrip()[:-1]}{last}\n")
        assert (command("evaluate", RUN, "--part", "train").code, command("evaluate", RUN).code).count(2) == (
            0 if text.rstrip()[-1] == last else 1
        )
    random_labels("rows.csv", slice(20))
    error = refused(command, "evaluate", RUN)
    assert f"validation samples: are not those of {RUN}: 8 rows, 32 at the training; allowed" in error


def test_other_samples_are_all_evaluated_and_those_of_the_training_as_they_were_divided(command: Modnet) -> None:
    random_labels("rows.csv")
    run = Trainer.from_config(of_file(validation_share=0.4)).fit(out=RUN)
    Path("rows.csv").rename("moved.csv")
    found = told(command, "evaluate", RUN, "--data", "moved.csv")
    assert (found["part"], found["samples"]) == ("validation", 32)
    assert found["cost"] == pytest.approx(run.evaluate("validation")["cost"])
    random_labels("moved.csv", slice(None, None, -1))
    found = told(command, "evaluate", RUN, "--data", "moved.csv")
    assert (found["part"], found["samples"]) == ("given", 80)
    assert command("evaluate", RUN, "--data", "moved.csv").lines[0] == "80 given samples"
    assert command("plot", RUN, "--data", "moved.csv", "--json").err == ""
    sentence = results(RUN, data=Data((X[:30, :3], np.arange(30) % 2))).sentence
    assert re.match(r"Reached accuracy \S+% \(\d+ of 30 given samples are correct\) after 4 epochs", sentence)
    assert "Sample 3 of the given samples" in command("trace", RUN, "--data", "moved.csv", "--sample", 3).lines[0]
    trained = X[:20, :3], np.arange(20) % 2
    for name in ("validation", "test"):  # whatever the caller calls it
        found_part = results(RUN, data=Data((X[:30, :3], np.arange(30) % 2), **{name: trained})).predictions
        assert (found_part.part, len(found_part)) == ("given", 20)
    both = [(len(run.samples[part]), run.evaluate(part)["cost"]) for part in ("train", "validation")]
    assert found["cost"] == pytest.approx(sum(count * cost for count, cost in both) / 80)
    assert told(command, "dampening", RUN, "--data", "moved.csv", "--no-suggestion", "--samples", 999)["samples"] == 80


def test_a_file_is_found_where_it_was(command: Modnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random_labels("rows.csv")
    run = Trainer.from_config(of_file(validation_share=0.4) | {"callbacks": ["checkpoint"]}).fit(out=RUN)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    random_labels("rows.csv", seed=4)  # other rows under the same name
    for part in ("train", "validation"):
        assert told(command, "evaluate", "../run", "--part", part)["cost"] == pytest.approx(run.evaluate(part)["cost"])
    longer = Trainer.from_config(of_file("../rows.csv", validation_share=0.4) | {"epochs": 6}).fit()
    assert command("train", "--resume", "../run", "--epochs", 6, "--quiet").code == 0
    assert load("../run").parameters.tobytes() == longer.network.parameters.tobytes()
    Path("../rows.csv").unlink()
    error = refused(command, "evaluate", "../run")
    assert error.startswith("modnet: rows.csv: validation samples: are not those of ../run: other values")
    shutil.move("../run", "run")
    random_labels("rows.csv")  # and now the run and its file lie here
    assert told(command, "evaluate", "run")["cost"] == pytest.approx(longer.evaluate("validation")["cost"])


def test_a_current_folder_that_goes_or_has_no_name_in_utf_8_costs_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, odd = tmp_path / "gone", tmp_path / "\udcff"
    for folder in (gone, odd):
        folder.mkdir()
        monkeypatch.chdir(folder)
        random_labels("rows.csv")
        leave = [lambda *_: shutil.rmtree(gone, ignore_errors=True)]
        run = Trainer.from_config(of_file(validation_share=0.4)).fit(
            out=tmp_path / f"{len(folder.name)}", callbacks=leave
        )
        assert load(run.folder).data_record["train"].rows == 48
        monkeypatch.chdir(tmp_path)


def test_what_was_held_out_is_known_and_not_drawn_again(command: Modnet, monkeypatch: pytest.MonkeyPatch) -> None:
    random_labels("rows.csv")
    run = Trainer.from_config(of_file(validation_share=0.4) | {"callbacks": ["checkpoint"]}).fit(out=RUN)
    monkeypatch.setattr(splitting, "split", lambda *_: pytest.fail("drawn again"))
    assert told(command, "evaluate", RUN)["cost"] == pytest.approx(run.evaluate("validation")["cost"])
    assert told(command, "dampening", RUN, "--no-suggestion", "--samples", 999)["samples"] == 48
    assert len(Trainer.resume(RUN, epochs=5).samples["validation"]) == 32
    rows = run.samples["validation"].held_out
    x = np.loadtxt("rows.csv", delimiter=",", skiprows=1)[:, :3]
    assert x[rows].tolist() == run.samples["validation"].x.tolist()


def one_file(path: str = "rows.npz", order: slice = slice(None)) -> dict[str, Any]:
    """Write 90 samples of 18 groups to a file; return a configuration that divides them into three parts."""
    rng = np.random.default_rng(5)
    x, labels = rng.normal(size=(90, 3)), rng.integers(2, size=90)
    groups = np.array([f"g{row % 18}" for row in range(90)])
    np.savez(path, x=x[order], y=labels[order], group=groups[order])
    data = {"kind": "npz", "path": path, "group": "group", "validation_share": 0.25, "test_share": 0.2}
    return configuration(2, **data)


def test_one_file_in_three_parts_is_divided_as_it_was(command: Modnet, monkeypatch: pytest.MonkeyPatch) -> None:
    config = one_file()
    run = Trainer.from_config(config | {"callbacks": ["checkpoint"]}).fit(out=RUN)
    whole = Trainer.from_config(config | {"epochs": 6}).fit()
    rows = {part: run.samples[part].held_out for part in ("validation", "test")}
    monkeypatch.setattr(splitting, "split", lambda *_: pytest.fail("drawn again"))
    record = json.loads(Path(RUN, "data.json").read_text())
    assert list(record["parts"]) == ["train", "validation", "test"]
    for part, text in record["held_out"].items():  # by hand: the first row is the highest bit
        bits = "".join(f"{byte:08b}" for byte in base64.b64decode(text))
        assert [row for row, bit in enumerate(bits) if bit == "1"] == rows[part].tolist()
    for part, samples in run.samples.items():
        found = told(command, "evaluate", RUN, "--part", part)
        assert (found["samples"], found["cost"]) == (len(samples), pytest.approx(run.evaluate(part)["cost"]))
    assert told(command, "evaluate", RUN)["part"] == "test"
    assert told(command, "report", RUN)["results"]["figures"]["cost"] == pytest.approx(run.test["cost"])
    resumed = Trainer.resume(RUN, epochs=6)
    assert resumed.network.parameters.tobytes() == whole.network.parameters.tobytes()
    assert [resumed.samples[part].held_out.tolist() for part in rows] == [each.tolist() for each in rows.values()]


def test_three_parts_are_known_again_in_another_file(command: Modnet) -> None:
    run = Trainer.from_config(one_file()).fit(out=RUN)
    Path("rows.npz").rename("moved.npz")
    for part, samples in run.samples.items():
        found = told(command, "evaluate", RUN, "--data", "moved.npz", "--part", part)
        assert (found["part"], found["samples"]) == (part, len(samples))
        assert found["cost"] == pytest.approx(run.evaluate(part)["cost"])
    with np.load("moved.npz") as file:
        np.savez("moved.npz", x=file["x"], y=file["y"])  # they are known without their groups
    found = told(command, "evaluate", RUN, "--data", "moved.npz", "--part", "test")
    assert found["samples"] == len(run.samples["test"])
    one_file(order=slice(None, None, -1))
    for part in run.samples:
        error = refused(command, "evaluate", RUN, "--part", part)
        assert "are not those of run: other values, or another order" in error
    found = told(command, "evaluate", RUN, "--data", "rows.npz")
    assert (found["part"], found["samples"]) == ("given", 90)
    save(run.network, "recorded.safetensors")
    save(Trainer.from_config(one_file()).fit().network, "alone.safetensors")
    for part in run.samples:
        assert "which were held out is not known" in refused(command, "evaluate", "alone.safetensors", "--part", part)
    assert "other values" not in refused(command, "evaluate", "alone.safetensors")
    assert told(command, "evaluate", "recorded.safetensors")["cost"] == pytest.approx(run.test["cost"])


def test_groups_in_a_column_of_text(command: Modnet) -> None:
    one_file()
    with np.load("rows.npz") as file:
        x, labels, groups = file["x"], file["y"], file["group"]
    rows = [[*row, group, label] for row, group, label in zip(x.tolist(), groups, labels, strict=True)]
    write_csv("rows.csv", ["a", "b", "c", "owner", "label"], rows)
    config = of_file(group="owner", validation_share=0.25, test_share=0.2)
    run = Trainer.from_config(config).fit(out=RUN)
    assert run.network.features == ("a", "b", "c")
    of = [set(groups[run.samples[part].held_out].tolist()) for part in ("validation", "test")]
    assert not of[0] & of[1]
    assert [len(each) for each in of] == [len(run.samples[part]) // 5 for part in ("validation", "test")]
    for part, samples in run.samples.items():
        found = told(command, "evaluate", RUN, "--part", part)
        assert (found["samples"], found["cost"]) == (len(samples), pytest.approx(run.evaluate(part)["cost"]))


def test_a_row_that_is_said_to_be_in_two_parts_is_refused(command: Modnet) -> None:
    config = configuration(2, kind="npz", path="rows.npz", validation_share=0.25, test_share=0.2)
    one_file()
    Trainer.from_config(config).fit(out=RUN)
    path = Path(RUN, "data.json")
    record = json.loads(path.read_text())
    bits = np.unpackbits(np.frombuffer(base64.b64decode(record["held_out"]["test"]), np.uint8), count=90)
    assert bits.sum() == record["parts"]["test"]["rows"] == record["parts"]["validation"]["rows"]
    record["held_out"]["validation"] = record["held_out"]["test"]
    path.write_text(json.dumps(record))
    assert "held_out: a row is both in validation and in test" in refused(command, "evaluate", RUN)


def test_own_samples_beside_a_part_without_a_record(command: Modnet) -> None:
    config = one_file()
    with np.load("rows.npz") as file:
        np.savez("rows.npz", **file, x_validation=file["x"][:30], y_validation=file["y"][:30])
    run = Trainer.from_config(config).fit()
    save(run.network, "alone.safetensors")
    found = told(command, "evaluate", "alone.safetensors", "--part", "validation")
    assert found["cost"] == pytest.approx(run.evaluate("validation")["cost"])
    for part in ("train", "test"):
        assert "which were held out is not known" in refused(command, "evaluate", "alone.safetensors", "--part", part)


def test_a_model_saved_without_a_record_claims_no_validation_samples(command: Modnet) -> None:
    random_labels("rows.csv")
    for share in (0.4, 0.0):
        save(Trainer.from_config(of_file(validation_share=share)).fit().network, "model.safetensors")
        if share:
            error = refused(command, "evaluate", "model.safetensors")
            assert (
                "was saved without a record of its samples, so which were held out is not known; allowed: --data"
                in error
            )
        else:
            assert told(command, "evaluate", "model.safetensors")["samples"] == 80


def test_no_samples_are_hashed_without_a_run_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    random_labels("rows.csv")
    hashed: list[int] = []
    digest = Samples.digest
    monkeypatch.setattr(Samples, "digest", lambda self: hashed.append(len(self)) or digest(self))
    Trainer.from_config(configuration(validation_share=0.3)).fit(X, CLASSES)
    Trainer.from_config(of_file()).fit()
    assert hashed == []
    Trainer.from_config(of_file(validation_share=0.4) | {"callbacks": ["checkpoint"]}).fit(out=RUN)
    assert hashed == [48, 32]  # once for all checkpoints, the record and the model


def test_the_target_s_column_may_be_named(command: Modnet) -> None:
    run = Trainer.from_config(configuration()).fit(Frame(), WORDS, out=RUN)
    rows = [[tree, *row[::-1]] for row, tree in zip(X.tolist(), WORDS.tolist(), strict=True)]
    write_csv("trees.csv", ["tree", "d", "c", "b", "a"], rows)
    found = told(command, "evaluate", RUN, "--data", "trees.csv", "--target", "tree")
    assert found["accuracy"] == pytest.approx(run.evaluate("train")["accuracy"])
    error = refused(command, "evaluate", RUN, "--data", "trees.csv")
    assert "trees.csv: line 1: no column 'target'" in error
    assert error.endswith("; --target COLUMN names it\n")
    assert "--target tree: is a column of --data FILE, which is missing" in refused(
        command, "evaluate", RUN, "--target", "tree"
    )
    np.savez("trees.npz", x=X, tree=WORDS)
    assert told(command, "plot", RUN, "--data", "trees.npz", "--target", "tree")["samples"] == 60
    Path("images").mkdir()
    assert "--target tree: the files of the dataset idx have no columns" in refused(
        command, "report", RUN, "--data", "images", "--target", "tree"
    )


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "longer": lambda content: content + b"{}",
    "nonsense": lambda _: b"\xff\xfe\x00pickle",
    "another program's": lambda _: b'{"kind": 3}',
    "deep": lambda _: b"[" * 200_000,
    "other sizes": lambda content: content.replace(b'"rows": 18', b'"rows": 19'),
    "no parts": lambda content: content.replace(b'"validation"', b'"valid"'),
    "not base64": lambda content: content.replace(b'"validation": "', b'"validation": "*'),
    "an old form": lambda content: re.sub(rb'"held_out": {[^}]*}', b'"held_out": null', content),
    "other rows": lambda content: content.replace(b'"validation": "', b'"validation": "/'),
    "held out for the training": lambda content: content.replace(b'"validation": "', b'"train": "'),
    "held out for a part that is not there": lambda content: content.replace(b'"validation": "', b'"test": "'),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_damaged_record_is_one_line(kind: str, command: Modnet) -> None:
    Trainer.from_config(configuration(validation_share=0.3)).fit(X, CLASSES, out=RUN)
    np.savez("again.npz", x=X, y=CLASSES)
    names = ("data.json", "outputs.safetensors")
    for name, arguments in zip(names, (("--data", "again.npz"), ()), strict=True):
        path = Path(RUN, name)
        whole = path.read_bytes()
        spoilt = SPOILT[kind](whole)
        if spoilt == whole:
            continue
        path.write_bytes(spoilt)
        assert refused(command, "evaluate", RUN, *arguments).startswith(f"modnet: {RUN}/{name}: ")
        path.write_bytes(whole)
    assert told(command, "evaluate", RUN)["samples"] == 18


@pytest.mark.parametrize("count", [50, pytest.param(3000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", ["data.json", "outputs.safetensors"])
def test_changed_bytes_change_no_result(name: str, count: int) -> None:
    run = Trainer.from_config(configuration(validation_share=0.3)).fit(X, CLASSES, out=RUN)
    expected, rng = run.evaluate("validation"), random.Random(count)  # noqa: S311 -- not for secrets
    path, data = Path(RUN, name), Data((X, CLASSES)) if name == "data.json" else None
    whole, errors = path.read_bytes(), []
    for _ in range(count):
        path.write_bytes(at_random(whole, rng))
        try:
            found = results(RUN, data=data).predictions
        except ModelFileError as error:
            errors.append(str(error))
        else:  # where the record does not fit, samples are not called those of the training
            assert found.part == "given" or found.metrics == pytest.approx(expected)
    assert len(errors) > count / 2
    assert all(error.startswith(f"{path}: ") and "\n" not in error for error in errors)


def test_outputs_of_another_network_are_refused(command: Modnet) -> None:
    for seed in (0, 1):
        Trainer.from_config(configuration() | {"seed": seed}).fit(X, CLASSES, out=f"run{seed}")
    shutil.copy("run1/outputs.safetensors", "run0")
    error = refused(command, "evaluate", "run0")
    assert "outputs.safetensors: cannot be used: its outputs are not those of the model file beside it" in error
    run = Trainer.from_config(configuration()).fit(X, CLASSES)
    foreign = {"train.outputs": np.ones((3, 2)), "train.codes": np.zeros(3, np.uint8)}
    for changed in (
        {},
        {"train.outputs": np.ones((3, 3)), "train.codes": np.full(3, 9, np.uint8)},
        {"train.outputs": np.ones((3, 3)), "train.weights": np.full(3, np.nan)},
        {"train.outputs": np.ones((3, 3)), "train.codes": np.zeros(2, np.uint8)},
        {"train.outputs": np.ones((3, 3)), "train.weights": np.ones(2)},
    ):
        content = data_record.dump(foreign | changed, {"parameters": data_record._digest(run.network)})
        Path("foreign").mkdir(exist_ok=True)
        Path("foreign/outputs.safetensors").write_bytes(content)
        with pytest.raises(ModelFileError, match="what it holds of train does not fit the network"):
            data_record.read_outputs(Path("foreign"), run.network)


def test_a_fix_for_samples_in_memory_is_code_that_runs() -> None:
    Trainer.from_config(configuration()).fit(X, CLASSES, out=RUN)
    code = _fix(f"{RUN}/config.toml", ["optimizer.rule=adam", "epochs=2"], in_memory=True)
    run = eval(code, {"modnet": modnet, "x": X, "y": CLASSES})  # noqa: S307 -- made just now
    assert (run.config.optimizer.rule.kind, run.config.epochs) == ("adam", 2)


def test_a_report_says_what_a_run_in_memory_was_trained_on() -> None:
    run = Trainer.from_config(configuration() | {"epochs": 0}).fit(X, CLASSES, out=RUN)
    page = modnet.report_html(modnet.report(RUN))
    assert "were given in memory, and are not stored; modnet report RUN --data FILE" in page
    assert "modnet.Trainer.from_config(&#x27;run/config.toml&#x27;).fit(x, y, out=&#x27;run-again&#x27;)" in page
    assert run.network.data_record is not None
    assert run.network.data_record["train"].sha256 in page
    alone = Trainer.from_config(configuration() | {"epochs": 0}).fit(X, CLASSES)
    assert modnet.report(alone, suggest=False).to_dict()["dampening"]["samples"] == len(X)


def both(name: str) -> tuple[Run, Data]:
    """Return a run that has no folder, and the samples of one in the folder ``run`` that is the same."""
    given, config = GIVEN[name]
    Trainer.from_config(config).fit(**given(), out=RUN)
    samples = given()
    train = samples["x"], samples["y"], samples.get("sample_weight")
    return Trainer.from_config(config).fit(**given()), Data(train, samples.get("validation"), samples.get("test"))


@pytest.mark.parametrize("name", GIVEN)
def test_the_results_of_a_run_in_python_are_those_of_its_folder(name: str) -> None:
    run, data = both(name)
    of_run, of_folder = results(run), results(RUN, data=data)
    assert of_run.predictions.part == of_folder.predictions.part
    assert of_run.predictions.metrics == of_folder.predictions.metrics
    np.testing.assert_array_equal(of_run.predictions.outputs, of_folder.predictions.outputs)
    assert [mistake.sample for mistake in of_run.mistakes] == [mistake.sample for mistake in of_folder.mistakes]
    for found, expected in zip(of_run.mistakes, of_folder.mistakes, strict=True):
        np.testing.assert_allclose(found.x, expected.x, rtol=1e-6)
    assert of_run.matches_history is of_folder.matches_history
    others = Data((X[:7], data.train[1][:7]))
    assert len(results(run, data=others).predictions) == 7


@pytest.mark.parametrize("name", ["a frame, class weights", "rows in a file"])
def test_the_flow_of_a_run_in_python_is_that_of_its_folder(name: str) -> None:
    run, data = both(name)
    found, expected = modnet.dampening(run, suggest=False), modnet.dampening(RUN, data=data, suggest=False)
    assert (found.source, expected.source) == (None, RUN)
    assert (found.samples, found.verdict) == (expected.samples, expected.verdict)
    assert found.trial is not None
    assert expected.trial is not None
    assert found.trial.value == pytest.approx(expected.trial.value)
    layers = [(*flow.start.layers, *flow.end.layers) for flow in (found, expected) if flow.end is not None]
    for layer, other in zip(*layers, strict=True):
        assert layer.delta == pytest.approx(other.delta, rel=1e-6)
