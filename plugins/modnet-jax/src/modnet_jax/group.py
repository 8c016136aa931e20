"""The processes of a training, connected by JAX's own runtime for what programs exchange."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
from jax._src import distributed, xla_bridge  # no public name: the CPU's client with collectives on one address
from jax.sharding import Mesh, NamedSharding
from jaxlib import _jax
from numpy.typing import NDArray

from modnet import ConfigError, ProcessError
from modnet.core.messages import error_text
from modnet.engines.processes.cluster import Place
from modnet.engines.processes.group import ConnectedGroup
from modnet_jax.device import Device

__all__ = ["AXIS", "EQUAL", "SHARED", "JaxGroup", "join"]

AXIS = "processes"
"""The name of the mesh's axis."""
_Spec: Any = jax.sharding.PartitionSpec
SHARED, EQUAL = _Spec(AXIS), _Spec()
"""How arrays lie in the processes: each has its own rows, or all have the same."""

_joined: list[tuple[Any, JaxGroup]] = []


def join(place: Place, about: Mapping[str, Any], seconds: float) -> JaxGroup:
    """Return the group of this process, which is connected when it is asked for first.

    Raises:
        ConfigError: it is another group than before, or JAX has computed in this process.
        ProcessError: the others are not to be reached.
    """
    if not _joined:
        if xla_bridge.backends_are_initialized():
            raise ConfigError("engine.processes: JAX has computed in this process already; train before that")
        _joined.append(((place, about), JaxGroup(place, about, seconds)))
    known, group = _joined[0]
    if known != (place, about):
        raise ConfigError("engine: differs from that of the first training of these processes, which stay connected")
    return group


class JaxGroup(ConnectedGroup):
    """Processes that train together.

    Attributes:
        mesh: One device of each.
    """

    def __init__(self, place: Place, about: Mapping[str, Any], seconds: float) -> None:
        self.mesh: Mesh
        self._sum: Any
        self._device = about["device"]
        versions = {name: module.__version__ for name, module in (("jax", jax), ("numpy", np))}
        super().__init__(place, {**versions, **{f"engine.{name}": value for name, value in about.items()}}, seconds)

    @property
    def computation_errors(self) -> tuple[type[Exception], ...]:
        """What JAX raises where a computation fails."""
        return (jax.errors.JaxRuntimeError,)

    def connect(self, place: Place, address: str, seconds: float) -> None:
        """Connect the processes by JAX's runtime.

        Once they are, the CPU's collectives need the runtime's coordinator no more. It is shut down, because it would
        abort a process, with pages of its own, when another is gone.

        Raises:
            ProcessError: the runtime could not connect them.
        """
        at = f"[{place.host}]:{place.port}" if ":" in place.host else f"{place.host}:{place.port}"
        config: Any = jax.config
        runtime: Any = jax.distributed
        takes_signals = config.jax_enable_preemption_service
        with self.silence():
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
                own = Device.find(self._device).device
                number = jax.local_devices(backend=own.platform).index(own)
                everyone = [jax.local_devices(index, own.platform)[number] for index in range(place.count)]
                self.mesh = Mesh(np.array(everyone), (AXIS,))
                add = jax.shard_map(_sum, mesh=self.mesh, in_specs=SHARED, out_specs=EQUAL)
                self._sum = jax.jit(add)
                self.sum(np.zeros(1, np.uint8))
                if own.platform == "cpu":
                    runtime.shutdown()
            except (RuntimeError, ValueError) as error:
                problem = f"engine: JAX's runtime does not connect the processes: {error_text(error)}"
                raise ProcessError(problem) from None
            finally:
                config.update("jax_enable_preemption_service", takes_signals)

    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of every process's vector."""
        own = jax.device_put(values[None], self.mesh.local_devices[0])
        shape, sharding = (self.count, len(values)), NamedSharding(self.mesh, SHARED)
        everyone = jax.make_array_from_single_device_arrays(shape, sharding, [own])
        return np.asarray(self._sum(everyone)).reshape(-1)


def _sum(own: Any) -> Any:
    add: Any = jax.lax.psum  # which has no types
    return add(own, AXIS)
