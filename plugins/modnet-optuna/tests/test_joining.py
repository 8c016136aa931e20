"""One storage, several calls: the same search goes on, and another one is refused in a line that says what differs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import optuna
import pytest
from searches import CONFIG, RATE

import modnet
from modnet_optuna import tune

HERE = {"trials": 1, "storage": "search.db"}


@contextmanager
def created() -> Iterator[optuna.Study]:
    """Make a study by Optuna alone."""
    storage = optuna.storages.RDBStorage("sqlite:///search.db")
    yield optuna.create_study(storage=storage, study_name="modnet", direction="maximize")
    storage.remove_session()
    storage.engine.dispose()


@pytest.fixture
def made():
    tune(CONFIG, RATE, **HERE)


OTHERS = [
    ({"config": {**CONFIG, "epochs": 3}}, "epochs is 2 there, and 3 here"),
    ({"config": {**CONFIG, "dtype": "float32"}}, "dtype is not set there, and 'float32' here"),
    ({"settings": ["network.layers.0=9"]}, "network.layers.0 is 8 there, and 9 here"),
    (
        {"search": {"optimizer.learning_rate": "log:0.1..9"}},
        "search.optimizer.learning_rate.high is 10.0 there, and 9.0",
    ),
    ({"search": {"optimizer.learning_rate": "0.1..10"}}, "search.optimizer.learning_rate.log is True there, and False"),
    ({"search": RATE | {"epochs": [1, 2]}}, "search.epochs is not set there, and {'values': ['1', '2']} here"),
    ({"seeds": 2}, "seeds is 1 there, and 2 here"),
    ({"metric": "cost"}, "metric is 'accuracy' there, and 'cost' here"),
    ({"prune": "median"}, "prune is 'none' there, and 'median' here"),
    ({"sampler": "random"}, "sampler is 'tpe' there, and 'random' here"),
]


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(("options", "difference"), OTHERS)
def test_another_search_is_refused_and_leaves_no_trace(options, difference, refused):
    before = Path("search.db").read_bytes()
    arguments = {"config": CONFIG, "search": RATE, **HERE, **options}
    text = refused(tune, arguments.pop("config"), arguments.pop("search"), out="out", **arguments)
    assert text.startswith(f"search.db: the study 'modnet' is of another search: {difference}")
    assert text.endswith("allowed: the same search, another --study or another --storage")
    assert Path("search.db").read_bytes() == before
    assert not Path("out").exists()


@pytest.mark.usefixtures("made")
def test_more_trials_processes_and_heartbeats_are_the_same_search_and_another_name_another_study():
    assert len(tune(CONFIG, RATE, trials=2, storage="search.db", heartbeat=7).trials) == 2
    assert len(tune(CONFIG, RATE, study="other", seeds=2, **HERE).trials) == 1
    assert len(tune(CONFIG, RATE, trials=1, storage="sqlite:///search.db").trials) == 1


def test_other_samples_are_another_search(rng, refused):
    x, y = rng.normal(size=(80, 3)), np.arange(80) % 2
    config = {"epochs": 1, "network": {"layers": [2]}, "data": {"kind": "memory", "validation_share": 0.2}}
    tune(config, RATE, data=modnet.Data((x, y)), **HERE)
    tune(config, RATE, data=modnet.Data((x.copy(), y)), **HERE)
    x[0, 0] += 1e-9
    assert "its samples are others" in refused(tune, config, RATE, data=modnet.Data((x, y)), **HERE)


def test_test_samples_are_no_part_of_the_search(rng):
    x, y = rng.normal(size=(80, 3)), np.arange(80) % 2
    config = {"epochs": 1, "network": {"layers": [2]}, "data": {"kind": "memory", "validation_share": 0.2}}
    for test in ((x[:9], y[:9]), (x[9:12], y[9:12]), None):
        tune(config, RATE, data=modnet.Data((x, y), test=test), **HERE)


def test_a_study_of_somebody_else_is_refused(refused):
    with created() as study:
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert "was not made by modnet tune; allowed: another --study" in refused(tune, CONFIG, RATE, **HERE)


def test_a_study_whose_maker_was_killed_at_once_is_taken_over(monkeypatch):
    with created():
        pass
    monkeypatch.setattr("modnet_optuna.plan._WAIT", 0.1)
    assert len(tune(CONFIG, RATE, **HERE).trials) == 1


STORAGES = [
    ("missing/search.db", "--storage missing/search.db: cannot be written: No such file or directory"),
    ("folder", "--storage folder: cannot be written: folder is a folder"),
    ("text.db", "text.db: file is not a database"),
    ("://", "storage ://: is no URL of a database"),
    ("nosuch://host/name", "nosuch://host/name: Can't load plugin: sqlalchemy.dialects:nosuch"),
    ("sqlite:///:memory:", "storage sqlite:///"),
]


@pytest.mark.parametrize(("storage", "message"), STORAGES)
def test_a_storage_that_cannot_be_used_is_one_line(storage, message, refused):
    Path("folder").mkdir()
    Path("text.db").write_text("hello " * 1000)
    assert refused(tune, CONFIG, RATE, trials=1, storage=storage).startswith(message)


def test_a_password_is_never_shown(refused):
    text = refused(tune, CONFIG, RATE, trials=1, storage="nosuch://me:secret@host/name")
    assert "secret" not in text
    assert text.startswith("nosuch://me:***@host/name: ")


@pytest.mark.parametrize("name", ["a{b}.db", "50% ?a=b#c.db", "größe.db"])
def test_a_file_may_have_any_name(name):
    tune(CONFIG, RATE, trials=1, storage=name)
    assert [path.name for path in Path().iterdir()] == [name]
    assert len(tune(CONFIG, RATE, trials=1, storage=Path(name)).trials) == 1
