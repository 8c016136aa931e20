"""A training that starts where another one ended: what it takes from a network, a run, or a run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import numpy as np

from modnet.config.load import load_config
from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError, ModnetError
from modnet.core.interfaces import Engine, EngineSession, ProcessGroup
from modnet.network.network import Network
from modnet.storage.run_folder import RunFolder
from modnet.training.processes import failures_told
from modnet.training.result import Run

__all__ = ["engine_of", "restore_rule_state", "resuming", "starting_point"]


def starting_point(initial: Network | Run | None) -> tuple[Network | None, Mapping[str, Any]]:
    """Return the network that a training starts from, and the state of its update rule, which is empty without a run.

    Raises:
        ConfigError: it is neither.
    """
    if isinstance(initial, Run):
        return initial.network, initial.rule_state
    if initial is not None and not isinstance(initial, Network):
        raise ConfigError(f"initial: expects a modnet.Network or a modnet.Run, got a {type(initial).__name__}")
    return initial, {}


def restore_rule_state(config: RunConfig, network: Network, engine: EngineSession, state: Mapping[str, Any]) -> None:
    """Give an engine a copy of the rule's state of another training; without one nothing is done.

    Raises:
        ConfigError: it is the state of another rule, or of another number of parameters that are trained.
    """
    if not state:
        return
    rule = config.optimizer.rule
    own = rule.init(network.parameters[: network.trainable])
    if {name: np.shape(value) for name, value in state.items()} != {name: np.shape(own[name]) for name in own}:
        names = ", ".join(own) or "none"
        problem = f"the state of the initial run ({', '.join(state)}) is not that of this rule ({names})"
        raise ConfigError(f"optimizer.rule: {rule.kind}: {problem}; initial=run.network starts without it")
    copied = {name: np.array(value) if isinstance(value, np.ndarray) else value for name, value in state.items()}
    engine.restore(replace(engine.state(), rule_state=copied))


@contextmanager
def resuming(store: RunFolder, engine: Engine | None) -> Iterator[ProcessGroup]:
    """Within the block, the run in the folder is resumed by the processes that it yields; the primary one locks it.

    Args:
        store: The run folder.
        engine: The engine to continue on; None for that of the run.

    Raises:
        ModelFileError: another training is writing to the folder.
    """
    group = (engine or engine_of(store)).process_group()
    with failures_told(group):
        if not group.primary:
            yield group
            return
        store.lock()
        try:
            yield group
        finally:
            store.release()


def engine_of(store: RunFolder) -> Engine:
    """Return the engine of a run folder's configuration; the default one where that cannot be read.

    What is wrong is told when the checkpoint is read, whose configuration counts.
    """
    with suppress(ModnetError):
        return load_config(store.path / store.CONFIG).engine
    return RunConfig().engine
