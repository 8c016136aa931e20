"""A run folder is read once, whatever is asked of it; and what does not draw imports no plots."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from os import fspath
from pathlib import Path
from typing import Any

import pytest
from cli.running import ENVIRONMENT, runner

from modnet import Data, ModelFileError, Trainer, dampening, load, report, results
from modnet.analysis.open_run import OpenRun
from modnet.data.datasets.arrays import Digits

_watched: Path | None = None
_opened: list[str] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    has_mode = event == "open" and arguments[1] is not None  # None: os.open, which `open` calls with an opener
    if has_mode and _watched is not None and isinstance(arguments[0], str | Path):
        path = Path(arguments[0])
        if _watched in (path.parent, path.absolute().parent) and path.exists():
            _opened.append(path.name)


sys.addaudithook(_note)  # Python has no way to remove one; it does nothing unless a folder is watched


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("open") / "run"
    Trainer.from_config({"epochs": 3}).fit(out=folder)  # 432 updates: the run is diagnosed by its own network
    return folder


@pytest.fixture
def opened(run: Path) -> Iterator[Callable[[], dict[str, float]]]:
    """Return how often each file of the run folder was opened so far, the model file in units of `modnet.load`."""
    global _watched
    _opened.clear()
    _watched = run
    load(run)
    unit = _opened.count("model.safetensors")
    assert unit
    _opened.clear()

    def count() -> dict[str, float]:
        counts: dict[str, float] = dict(Counter(_opened))
        return counts | {name: number / unit for name, number in counts.items() if name == "model.safetensors"}

    yield count
    _watched = None


def test_a_report_opens_every_file_of_the_run_once(run: Path, opened: Callable[[], dict[str, float]]) -> None:
    report(run, suggest=False)
    assert opened() == {"model.safetensors": 1, "history.jsonl": 1, "config.toml": 1, "data.json": 1}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("report", "--json"), {"model.safetensors": 1, "history.jsonl": 1, "config.toml": 1, "data.json": 1}),
        (("plot", "--json"), {"model.safetensors": 1, "history.jsonl": 1, "data.json": 1}),
        (("evaluate",), {"model.safetensors": 1, "data.json": 1}),
        (("dampening",), {"model.safetensors": 1, "history.jsonl": 1, "config.toml": 1, "data.json": 1}),
        (("trace",), {"model.safetensors": 1, "data.json": 1}),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_command_opens_what_it_needs_once(
    run: Path,
    opened: Callable[[], dict[str, float]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    expected: dict[str, float],
) -> None:
    command, *options = arguments
    assert runner(monkeypatch, capsys)(command, run, *options).code == 0
    assert opened() == expected


def test_an_open_run_is_read_when_it_is_asked(tmp_path: Path) -> None:
    missing = OpenRun(tmp_path / "nothing")
    assert not missing.has_model
    with pytest.raises(ModelFileError, match="no model file or run folder"):
        _ = missing.network
    with pytest.raises(ModelFileError, match=r"is not a run folder: it has no history\.jsonl"):
        _ = missing.history
    with pytest.raises(ModelFileError, match=r"is not a run folder: it has no config\.toml"):
        _ = missing.folder_config


def test_an_open_run_stands_for_its_path(run: Path, opened: Callable[[], dict[str, float]]) -> None:
    open_run = OpenRun(run)
    assert fspath(open_run) == str(run)
    reached, diagnosed = results(open_run), dampening(open_run, suggest=False)
    assert reached.run is open_run
    assert diagnosed.source == str(run)
    assert opened() == {"model.safetensors": 1, "history.jsonl": 1, "config.toml": 1, "data.json": 1}
    data = Digits().load()
    half = Data(train=data.train, test=tuple(values[::2] for values in data.test))
    assert len(results(open_run, data=half).predictions) == 180


def test_json_is_printed_without_any_plot(run: Path) -> None:
    for command in ("plot", "report"):
        code = (
            "import sys; from modnet.cli import main\n"
            f"sys.argv = ['modnet', '{command}', {str(run)!r}, '--json']\n"
            "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
            "print([name for name in sys.modules if name.startswith(('modnet.analysis.plots', 'matplotlib'))])"
        )
        process = subprocess.run(
            [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
        )
        assert process.stdout.splitlines()[-1] == "[]"
