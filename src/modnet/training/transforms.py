"""The transforms of a training: fitted to its samples, or those of the network that it starts from."""

from __future__ import annotations

from modnet.config.run_config import RunConfig
from modnet.core.dataset import Names
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Transform
from modnet.data.distinct import numbers_hint
from modnet.data.labels import Targets
from modnet.data.preprocessing import Preprocessing
from modnet.data.table import Rows
from modnet.network.network import Network

__all__ = ["fit_transforms"]


def fit_transforms(
    config: RunConfig, rows: Rows, targets: Targets, names: Names | None, place: str, initial: Network | None
) -> tuple[Preprocessing | None, Preprocessing | None]:
    """Return the transforms of the samples and of the targets, None where there are none.

    Those of an ``initial`` network stay as they are; the others are fitted to raw training rows and targets.

    Raises:
        ConfigError: a transform does not fit the columns or the targets.
        DataError: a column or a target cannot be transformed.
    """
    samples = None if initial is None else initial.preprocessing
    if samples is None and config.data.transforms:
        samples = Preprocessing.fit(config.data.transforms, rows, names, f"{place} x")
    of_targets = None if initial is None else initial.target_transform
    transform = config.data.target_transform
    if of_targets is None and transform is not None:
        if targets.values is None or targets.multi_label:
            found = "labels that apply or not" if targets.multi_label else "classes"
            hint = "" if targets.classes is None else numbers_hint(targets.classes, 2)
            raise ConfigError(f"data.target_transform: the targets are {found}, not numbers; allowed: none{hint}")
        _check_invertible(transform)
        of_targets = Preprocessing.fit([transform], targets.values, None, f"{place} y", "data.target_transform")
    return samples, of_targets


def _check_invertible(transform: Transform) -> None:
    if not transform.invertible or transform.takes == "text":
        problem = f"{transform.kind} cannot be undone in predictions"
        raise ConfigError(f"data.target_transform: {problem}; allowed: transforms that can, as standard and log")
