from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

# The repository's suite runs whether or not its plug-ins are installed; what is installed goes first.
if importlib.util.find_spec("modnet_mlflow") is None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

from modnet.analysis.logs import listener  # after the environment is set, which MLflow reads


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables, which take a second to make."""
    folder = tmp_path_factory.mktemp("database")
    with contextlib.chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLAlchemy's about MLflow
        from mlflow import MlflowClient

        MlflowClient(f"sqlite:///{folder / 'empty.db'}")
    return folder / "empty.db"


@pytest.fixture
def client(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """MLflow's own client of an empty store, which is also the usual one."""
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return MlflowClient()


@pytest.fixture(autouse=True)
def _at_every_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write after every epoch and update."""
    monkeypatch.setattr(listener, "PAUSE", 0.0)
    monkeypatch.setattr(listener, "SHARE", 0)
