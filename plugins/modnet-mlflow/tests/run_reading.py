"""What MLflow's own client finds of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import modnet


def runs(client: Any, experiment: str = "modnet") -> list[Any]:
    found = client.get_experiment_by_name(experiment)
    return [] if found is None else client.search_runs([found.experiment_id])


def only_run(client: Any, experiment: str = "modnet") -> Any:
    (run,) = runs(client, experiment)
    return run


def curves(client: Any, run: Any) -> dict[str, list[tuple[int, float]]]:
    """Return metric → its points in the order of their steps, double ones too; the seconds of an epoch are left out."""
    return {
        name: sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, name))
        for name in run.data.metrics
        if name != "seconds"
    }


def of_epochs(found: dict[str, list[tuple[int, float]]]) -> dict[str, list[tuple[int, float]]]:
    return {name: points for name, points in found.items() if not name.startswith("updates/")}


def expected_curves(history: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    names = history[0].keys() - {"epoch", "seconds"}
    return {name: [(row["epoch"] + 1, row[name]) for row in history] for name in names}


def artifacts(client: Any, run: Any, path: str | None = None) -> list[str]:
    """Return the paths of all artifacts."""
    found = []
    for item in client.list_artifacts(run.info.run_id, path):
        found += artifacts(client, run, item.path) if item.is_dir else [item.path]
    return sorted(found)


def artifact(client: Any, run: Any, path: str, folder: Path) -> Path:
    return Path(client.download_artifacts(run.info.run_id, path, str(folder)))


def predicts_the_same(network: modnet.Network, file: Path, x: Any) -> bool:
    return modnet.load(file).predict(x).tobytes() == network.predict(x).tobytes()
