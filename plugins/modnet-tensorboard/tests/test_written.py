"""What is in the files, read by TensorBoard's own reader."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from event_reading import curves, expected_curves, read, twice
from tensorboard.plugins.hparams import metadata

from modnet import ConfigError, Run, Trainer, hookimpl, load_config
from modnet.testing import parametrize_checks
from modnet_tensorboard import TensorBoard

LAYERS = [12, {"kind": "dropout", "rate": 0.2}, "batch-norm", 10]


def train(out: Path | None, *callbacks: Any, **changes: Any) -> Run:
    table = {"epochs": 3, "network": {"layers": LAYERS}, "data": {"validation_share": 0.1}} | changes
    return Trainer.from_config(table).fit(callbacks=callbacks, out=out)


def test_the_curves_are_the_history(tmp_path: Path) -> None:
    run = train(tmp_path / "run", TensorBoard())
    reader = read(tmp_path / "run")
    assert curves(reader) == expected_curves(run.history)
    assert {"cost/training", "cost/validation", "accuracy/test"} < curves(reader).keys()
    assert len(reader.Scalars("seconds")) == 3
    assert twice(tmp_path / "run") == []


class Updates:
    """Hears every update."""

    def __init__(self) -> None:
        self.heard: dict[str, list[tuple[int, float]]] = {"updates/cost": [], "updates/gradient_norm": []}

    @hookimpl
    def modnet_batch_end(self, training: Any) -> None:
        for tag, value in (("updates/cost", training.last_cost), ("updates/gradient_norm", training.gradient_norm)):
            self.heard[tag].append((training.updates, float(np.float32(value))))


def test_updates_are_counted_on_an_axis_of_their_own(tmp_path: Path) -> None:
    updates = Updates()
    train(tmp_path / "run", updates, TensorBoard(every_updates=60))
    found = curves(read(tmp_path / "run"))
    for tag, points in updates.heard.items():
        assert found[tag] == points[59::60]
    assert [step for step, _ in found["cost/training"]] == [1, 2, 3]


def test_histograms_are_of_the_layers(tmp_path: Path) -> None:
    run = train(tmp_path / "run", TensorBoard(histograms_every_epochs=1))
    reader = read(tmp_path / "run")
    for number, layer in enumerate(run.network.layers, 1):
        assert [each.step for each in reader.Histograms(f"layer-{number}/delta")] == [0, 1, 2, 3]
        for name, values in layer.parameters.items():
            last = reader.Histograms(f"layer-{number}/{name}")[-1].histogram_value
            counts, _ = np.histogram(values, np.array(last.bucket_limit))
            assert (last.num, last.min, last.max) == (values.size, values.min(), values.max())
            assert [int(count) for count in last.bucket] == [0, *counts]
            np.testing.assert_allclose([last.sum, last.sum_squares], [values.sum(), (values**2).sum()])


def test_the_confusion_matrix_is_a_picture(tmp_path: Path) -> None:
    train(tmp_path / "run", TensorBoard(confusion_every_epochs=2))
    reader = read(tmp_path / "run")
    assert {tag: [each.step for each in reader.Images(tag)] for tag in reader.Tags()["images"]} == {
        "confusion/test": [2],
        "finished/confusion/test": [3],
    }
    (picture,) = reader.Images("finished/confusion/test")
    pixels = matplotlib.image.imread(io.BytesIO(picture.encoded_image_string))
    assert pixels.shape[:2] == (picture.height, picture.width)
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 50


def test_the_configuration_is_text_and_hyperparameters(tmp_path: Path) -> None:
    run = train(tmp_path / "run", TensorBoard())
    reader = read(tmp_path / "run")
    (text,) = (each.tensor_proto.string_val[0].decode() for each in reader.Tensors("configuration/text_summary"))
    lines = [line.removeprefix("    ") for line in text.splitlines()]
    (tmp_path / "read.toml").write_text("\n".join(lines))
    assert load_config(tmp_path / "read.toml") == run.config
    (versions,) = (each.tensor_proto.string_val[0].decode() for each in reader.Tensors("versions/text_summary"))
    assert f"| numpy | `{np.__version__}` |" in versions
    assert run.samples["train"].digest() in versions
    content = reader.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    parameters = metadata.parse_session_start_info_plugin_data(content).hparams
    assert parameters["optimizer.learning_rate"].number_value == 3.0
    assert parameters["network.layers.1.rate"].number_value == 0.2
    assert parameters["network.layers.0.activation"].string_value == "sigmoid"
    assert parameters["terminate_on_nan"].bool_value is True
    content = reader.summary_metadata["_hparams_/experiment"].plugin_data.content
    metrics = metadata.parse_experiment_plugin_data(content).metric_infos
    assert {info.name.tag for info in metrics} - {"seconds"} == curves(reader).keys()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_training_is_to_the_bit_what_it_is_without(tmp_path: Path, dtype: str) -> None:
    everything = TensorBoard(every_updates=1, histograms_every_epochs=1, confusion_every_epochs=3)
    logged, alone = train(tmp_path / "run", everything, dtype=dtype), train(None, dtype=dtype)
    assert logged.network.parameters.tobytes() == alone.network.parameters.tobytes()
    assert [{**row, "seconds": 0} for row in logged.history] == [{**row, "seconds": 0} for row in alone.history]


def test_numbers_that_are_not_finite_are_points_too(tmp_path: Path) -> None:
    def not_a_number(y: Any, predictions: Any) -> float:
        del y, predictions
        return 1e300

    table = {"epochs": 1, "data": {"validation_share": 0.1}, "callbacks": ["tensorboard"]}
    Trainer.from_config(table).fit(out=tmp_path / "run", metrics=[not_a_number])
    (point,) = read(tmp_path / "run").Scalars("not_a_number/validation")
    assert point.value == float("inf")  # there is no such float32


def test_a_folder_of_its_own(tmp_path: Path) -> None:
    run = train(None, TensorBoard(folder=str(tmp_path / "of its own" / "run")))
    assert curves(read(tmp_path / "of its own" / "run")) == expected_curves(run.history)
    with pytest.raises(ConfigError) as caught:
        train(None, callbacks=["tensorboard"])
    assert str(caught.value) == (
        "callbacks.0: event files need a folder; give a run folder, Trainer.fit(out='runs/first'), or "
        "callbacks.0.folder"
    )


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("folder=''", "callbacks.0.folder"),
        ("every_updates=-1", "callbacks.0.every_updates"),
        ("histograms_every_epochs=0.5", "callbacks.0.histograms_every_epochs"),
        ("confusion_every_epochs=-2", "callbacks.0.confusion_every_epochs"),
        ("histogram_freq=1", "callbacks.0.histogram_freq"),
    ],
)
def test_an_option_that_is_wrong_is_one_line(option: str, problem: str) -> None:
    name, _, value = option.partition("=")
    with pytest.raises(ConfigError) as caught:
        load_config({"callbacks": [{"kind": "tensorboard", name: eval(value)}]})  # noqa: S307 -- of this file
    assert str(caught.value).startswith(problem)
    assert "\n" not in str(caught.value)


def test_it_is_named_once() -> None:
    with pytest.raises(ConfigError, match="'tensorboard' is there already"):
        load_config({"callbacks": ["tensorboard", {"kind": "tensorboard", "every_updates": 5}]})


@parametrize_checks(TensorBoard, examples=[{}, {"every_updates": 2, "histograms_every_epochs": 1}])
def test_conformance(check: Any) -> None:
    check()


def modnet(*arguments: str, cwd: Path) -> str:
    """Return what a command prints; standard error must be empty."""
    command = [sys.executable, "-c", "from modnet.cli import main; main()", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_it_is_listed_and_shown(tmp_path: Path) -> None:
    assert "tensorboard" in modnet("plugins", "list", cwd=tmp_path)
    shown = modnet("plugins", "show", "callback", "tensorboard", cwd=tmp_path)
    assert "modnet-tensorboard" in shown
    assert "histograms_every_epochs" in shown


def test_without_it_nothing_of_it_is_imported(tmp_path: Path) -> None:
    """Discovery reads the callback's options alone, and a training that does not name it imports no more."""
    code = (
        "import sys; from modnet import Trainer; Trainer.from_config({'epochs': 1}).fit();"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'tensorboardX', 'google', 'matplotlib'}),"
        "'modnet_tensorboard.writer' in sys.modules, 'modnet_tensorboard' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[] False True\n"
