"""The processes of a training, connected by JAX's own runtime for what programs exchange."""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
import numpy as np
from jax._src import distributed, xla_bridge  # no public name: the CPU's client with collectives on one address
from jax.sharding import Mesh, NamedSharding
from jaxlib import _jax
from numpy.typing import NDArray

from modnet import ConfigError, Interrupted, ProcessError, ProcessGroup
from modnet.core.messages import error_text, warn
from modnet.engines.processes.channel import Channel
from modnet.engines.processes.cluster import Place
from modnet.storage.state_codec import flatten, unflatten
from modnet_jax.device import Device

__all__ = ["AXIS", "EQUAL", "SHARED", "JaxGroup", "join"]

AXIS = "processes"
"""The name of the mesh's axis."""
_Spec: Any = jax.sharding.PartitionSpec
SHARED, EQUAL = _Spec(AXIS), _Spec()
"""How arrays lie in the processes: each has its own rows, or all have the same."""
STUCK_SECONDS = 5.0
"""How long after another's end a process may wait in a computation, which nothing else may end."""
VERDICT_SECONDS = 5.0
"""How long to wait for the news that explains an error of a computation."""

_joined: list[tuple[Any, JaxGroup]] = []


def join(place: Place, about: Mapping[str, Any], seconds: float, device: str) -> JaxGroup:
    """Return the group of this process, which is connected when it is asked for first.

    Raises:
        ConfigError: it is another group than before, or JAX has been used in this process.
        ProcessError: the others are not to be reached.
    """
    if not _joined:
        _joined.append(((place, about), JaxGroup(place, about, seconds, device)))
    known, group = _joined[0]
    if known != (place, about):
        raise ConfigError("engine: differs from that of the first training of these processes, which stay connected")
    return group


class JaxGroup(ProcessGroup):
    """Processes that train together.

    Attributes:
        mesh: One device of each.

    The arguments are those of `join`.
    """

    def __init__(self, place: Place, about: Mapping[str, Any], seconds: float, device: str) -> None:
        if xla_bridge.backends_are_initialized():
            raise ConfigError("engine.processes: JAX has computed in this process already; train before that")
        self.index, self.count = place.index, place.count
        self._waiting, self._patience = 0, 0.0
        versions = {name: module.__version__ for name, module in (("jax", jax), ("numpy", np))}
        about = {**versions, **{f"engine.{name}": value for name, value in about.items()}}
        self._channel = Channel(place, about, seconds, self._watch_for_standstill)
        with self.waiting():
            self.mesh = _connect(place, self._channel.address, seconds, device)
        self._patience = STUCK_SECONDS
        atexit.register(self._channel.leave)

    def gather(self, value: Any) -> list[Any]:
        """Return every process's value."""
        try:
            return self._channel.gather(value)
        except ProcessError as error:
            raise self._explained(error) from None

    def broadcast(self, value: Any) -> Any:
        """Return the primary process's value."""
        arrays: dict[str, NDArray[Any]] = {}
        mine: Any = None
        if self.primary:
            try:
                json.dumps(value)
                mine = {"plain": value}
            except TypeError:
                arrays = flatten({"value": value}, "")
                mine = {"arrays": [[name, array.dtype.str, array.shape] for name, array in arrays.items()]}
        first = self.gather(mine)[0]
        if "plain" in first:
            return first["plain"]
        sizes = [np.dtype(dtype).itemsize * int(np.prod(shape)) for _, dtype, shape in first["arrays"]]
        buffer = np.zeros(sum(sizes), np.uint8)
        if self.primary:
            buffer = np.frombuffer(b"".join(array.tobytes() for array in arrays.values()), np.uint8)
        with self.waiting():
            pieces = np.split(_summed(self.mesh, buffer), np.cumsum(sizes)[:-1])
        pairs = zip(first["arrays"], pieces, strict=True)
        taken = {name: piece.view(dtype).reshape(shape) for (name, dtype, shape), piece in pairs}
        return unflatten(taken, "")["value"]

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within the block, this process may be stuck when another is gone; then it ends, with one line."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def fail(self, error: BaseException) -> ProcessError | None:
        """Tell the others of an error, unless one of theirs is the cause, which is returned."""
        cause = self._channel.failure
        if cause is None and isinstance(error, jax.errors.JaxRuntimeError):
            cause = self._channel.wait_for_failure(VERDICT_SECONDS)
        text = " ".join((str(error) or type(error).__name__).split())
        self._channel.fail(text)
        if cause is None or text in str(cause) or isinstance(error, ProcessError | Interrupted):
            return None
        return self._explained(cause)

    def _explained(self, error: ProcessError) -> ProcessError:
        """Return the error with what is left of the training."""
        last = (
            "there is no checkpoint"
            if self.last_checkpoint is None
            else f"the last checkpoint is {self.last_checkpoint}"
        )
        return ProcessError(f"{error}; {last}", is_shown_elsewhere=error.is_shown_elsewhere)

    def _watch_for_standstill(self) -> None:
        threading.Thread(target=self._end_if_stuck, name="modnet-standstill", daemon=True).start()

    def _end_if_stuck(self) -> None:
        """End this process once it has waited in one computation for too long."""
        since = time.monotonic()
        while time.monotonic() - since < self._patience:
            time.sleep(0.05)
            if not self._waiting:
                since = time.monotonic()
        failure = self._channel.failure
        if failure is not None:
            if not failure.is_shown_elsewhere:
                warn(str(self._explained(failure)))
            os._exit(2)


def _connect(place: Place, address: str, seconds: float, device: str) -> Mesh:
    """Connect the processes by JAX's runtime, and return a mesh of one device of each.

    Once they are connected, the CPU's collectives need the runtime's coordinator no more. It is shut down, because it
    would abort a process, with pages of its own, when another is gone.

    Raises:
        ProcessError: the runtime could not connect them.
    """
    at = f"[{place.host}]:{place.port}" if ":" in place.host else f"{place.host}:{place.port}"
    config: Any = jax.config
    runtime: Any = jax.distributed
    preemption = config.jax_enable_preemption_service
    with _silent_descriptors():
        try:
            config.update("jax_enable_preemption_service", False)  # it would take SIGTERM for itself
            runtime.initialize(
                at,
                place.count,
                place.index,
                coordinator_bind_address=at,
                cluster_detection_method="deactivate",
                initialization_timeout=max(1, round(seconds)),
            )
            gloo = _jax.make_gloo_tcp_collectives(distributed.global_state.client, hostname=address)
            client = partial(xla_bridge.make_cpu_client, gloo)
            xla_bridge.register_backend_factory("cpu", client, priority=0, fail_quietly=False)
            own = Device.find(device).device
            number = jax.local_devices(backend=own.platform).index(own)
            everyone = [jax.local_devices(index, own.platform)[number] for index in range(place.count)]
            mesh = Mesh(np.array(everyone), (AXIS,))
            _summed(mesh, np.zeros(1, np.uint8))
            if own.platform == "cpu":
                runtime.shutdown()
        except (RuntimeError, ValueError) as error:
            raise ProcessError(f"engine: JAX's runtime does not connect the processes: {error_text(error)}") from None
        finally:
            config.update("jax_enable_preemption_service", preemption)
    return mesh


def _summed(mesh: Mesh, values: NDArray[Any]) -> NDArray[Any]:
    """Return the sum of vectors over all processes."""
    own = jax.device_put(values[None], mesh.local_devices[0])
    everyone = jax.make_array_from_single_device_arrays((mesh.size, len(values)), NamedSharding(mesh, SHARED), [own])
    add = partial(jax.lax.psum, axis_name=AXIS)
    program = jax.shard_map(add, mesh=mesh, in_specs=SHARED, out_specs=EQUAL)
    return np.asarray(jax.jit(program)(everyone)).reshape(-1)


@contextmanager
def _silent_descriptors() -> Iterator[None]:
    """Let nothing be written to standard output and standard error, by libraries in C least of all."""
    kept = [os.dup(number) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            os.dup2(nowhere, number)
        yield
    finally:
        for number, before in zip((1, 2), kept, strict=True):
            os.dup2(before, number)
            os.close(before)
        os.close(nowhere)
