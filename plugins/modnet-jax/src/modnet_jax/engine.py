"""The JAX engine: the kind ``jax``, with its options. JAX is imported when a training starts, not before."""

from __future__ import annotations

import os
from typing import Annotated, Literal, Self

from pydantic import Field

from modnet import BlockLimits, ConfigError, Engine, EngineSession, ProcessGroup, TrainingPlan
from modnet.core.component import Auto
from modnet.engines.processes.cluster import find_place

__all__ = ["JaxEngine"]


class JaxEngine(Engine):
    """JAX: updates are compiled for the processor or a GPU, many of them in one program, with the data beside them."""

    kind: Literal["jax"] = "jax"
    device: str = Field(
        default="auto",
        pattern=r"^[a-z]+(:[0-9]{1,4})?$",
        description='what computes: `"auto"` is the best device there is, else a platform (`"cpu"`, `"gpu"`), or one '
        'device of it by its number (`"gpu:1"`)',
    )
    precision: Literal["full", "fast"] = Field(
        default="full",
        description="how products of float32 matrices are computed: in float32, or as fast as the device can (TF32)",
    )
    deterministic: bool = Field(
        default=True,
        description="whether a GPU repeats the same bits; without, some operations are faster there",
    )
    device_memory: Annotated[float | None, Auto("a number above 0")] = Field(
        default=None,
        gt=0,
        json_schema_extra=Auto.schema,
        description='how many GB of training samples may lie on the device, else they are read in chunks; `"auto"` is '
        "half of what is free there",
    )
    cache: str = Field(
        default="auto",
        min_length=1,
        description='the folder that keeps compiled programs for later runs; `"auto"` is one in the user\'s cache '
        'folder, `"off"` none',
    )

    processes: int | None = Field(
        default=None,
        ge=1,
        description="how many processes train together; by default what Open MPI or SLURM say, or this one alone",
    )
    process: int | None = Field(
        default=None,
        ge=0,
        description="the number of this one, from 0, where Open MPI, SLURM or Kubernetes do not say it",
    )
    coordinator: str | None = Field(
        default=None, description='host and port of process 0 (`"node1:61000"`), where they do not say it'
    )
    initialization_timeout: float = Field(
        default=60.0, gt=0, description="seconds to wait for the other processes at the start"
    )

    def alone(self) -> Self:
        """Return this engine for one process."""
        return self.model_copy(update={"processes": 1, "process": None, "coordinator": None})

    def process_group(self) -> ProcessGroup:
        """Return the processes that train together, connected."""
        place = find_place(self.coordinator, self.processes, self.process)
        if place is None:
            return ProcessGroup()
        _check_jax()
        from modnet_jax.group import join

        own = {"processes", "process", "coordinator", "initialization_timeout", "cache", "device_memory"}
        about = self.model_dump(exclude=own)
        return join(place, about, self.initialization_timeout)

    def start(self, plan: TrainingPlan) -> EngineSession:
        """Begin a training.

        Raises:
            ConfigError: JAX is missing or too old, or the device is not there.
        """
        _check_jax()
        group = self.process_group()
        from modnet_jax.device import Device
        from modnet_jax.session import start

        device = Device.find(self.device, precision=self.precision, deterministic=self.deterministic)
        return start(plan, device, group, self.cache, self.device_memory)

    def block_limits(self) -> BlockLimits:
        """Return blocks of many calls, so that the host works on the outputs of one while the device makes the next."""
        from modnet_jax.device import Device

        if Device.find(self.device).is_cpu:
            return BlockLimits(rows=1 << 16, updates=1 << 14, input_bytes=1 << 40, work=20_000_000_000)
        return BlockLimits(rows=1 << 20, updates=1 << 12, input_bytes=1 << 40, work=1 << 40)


def _check_jax() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # the library logs what it raises, too
    try:
        import jax
    except ImportError as error:
        raise ConfigError(f"engine: jax cannot be imported ({error}); pip install modnet-jax installs it") from None
    if not (hasattr(jax, "enable_x64") and hasattr(jax.config, "jax_enable_preemption_service")):
        raise ConfigError(f"engine: JAX {jax.__version__} is too old; modnet-jax needs 0.10.2 or later")
