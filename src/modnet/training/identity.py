"""What a training is of: configuration, samples and start; the same in a resumed one, and in every process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from modnet import __version__
from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError, DataError
from modnet.core.interfaces import ProcessGroup
from modnet.core.messages import short_repr
from modnet.data.prepared import Samples
from modnet.network.network import Network
from modnet.storage.data_record import DataRecord, absolute_paths
from modnet.storage.metadata import plugins_of
from modnet.training.callbacks import CallbackRunner
from modnet.training.result import part_name

__all__ = ["Identity"]


class Identity:
    """What a training is of.

    Attributes:
        config: The configuration.
        network: The network.
        samples: ``train``, and ``validation`` and ``test`` where there are any.
    """

    def __init__(self, config: RunConfig, network: Network, samples: Mapping[str, Samples]) -> None:
        self.config, self.network, self.samples = config, network, samples
        self._paths = absolute_paths(config.data)

    @cached_property
    def record(self) -> DataRecord:
        """What is kept of the samples, with a SHA-256 of every part, computed when it is first needed."""
        return DataRecord.of(self.network, self.config.data, self.samples, self._paths)

    def check_samples(self, network: Network, path: Path) -> None:
        """Refuse samples that are not those of a checkpoint's network.

        Raises:
            DataError: naming the part.
        """
        here, kept = self.record.parts, network.data_record or {}
        for part in sorted(here.keys() | kept.keys(), reverse=True):
            if here.get(part) != kept.get(part):
                raise DataError(f"{part_name(part)} samples: must be those of the interrupted run, {path}")

    def check_alike(self, group: ProcessGroup, callbacks: CallbackRunner) -> None:
        """Refuse processes that would not train the same network alike; with one process nothing is done.

        A callback may have another listener in each process, as the progress has where one of them has a terminal. But
        after an event of every update, all exchange what has been changed.

        Options of the engine are the engine's to compare: each process may have others.

        Raises:
            ConfigError: naming the first difference.
        """
        if group.count == 1:
            return
        plain = self._as_plain() | {"the callbacks": ", ".join(callbacks.kinds) or "none"}
        plain["a callback at every update"] = "yes" if callbacks.listens_to("batch_end") else "none"
        digests = group.gather(hashlib.sha256(json.dumps(plain).encode()).hexdigest())
        index = next((number for number, digest in enumerate(digests) if digest != digests[0]), 0)
        if index == 0:
            return
        everyone = group.gather(plain if group.index in (0, index) else None)
        first, other = everyone[0], everyone[index]
        for name in [*first, *other]:
            ours, theirs = _known(first, name), _known(other, name)
            if ours != theirs:
                raise ConfigError(
                    f"{name}: process {index} has {short_repr(theirs)}, process 0 has {short_repr(ours)}; "
                    "all processes of a training need the same configuration, data and versions"
                )

    def _as_plain(self) -> dict[str, Any]:
        options = self.config.model_dump(mode="json", exclude={"engine"})
        known: dict[str, Any] = {"modnet": __version__, **plugins_of(self.config), **dict(_flat(options, ""))}
        for part, record in self.record.parts.items():
            known[f"{part_name(part)} samples"] = f"{record.rows:,} rows, SHA-256 {record.sha256[:16]}"
        digest = hashlib.sha256(self.network.parameters.tobytes())
        for state in self.network.layer_states():
            for name in sorted(state):
                digest.update(state[name].tobytes())
        return {**known, "the network at the start": f"SHA-256 {digest.hexdigest()[:16]}"}


def _known(options: Mapping[str, Any], name: str) -> Any:
    """Return a plain value, of a component with options its kind."""
    return options.get(name, options.get(f"{name}.kind", "none"))


def _flat(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield the plain values of nested options with their keys."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _flat(item, f"{place}.{key}" if place else str(key))
    else:
        yield place, value
