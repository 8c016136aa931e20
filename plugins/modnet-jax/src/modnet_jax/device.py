"""The device that computes, and the settings of JAX that hold while it does, and not a moment longer."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from modnet import ConfigError
from modnet.engines.numpy.threads import cores

__all__ = ["Device"]


@dataclass(frozen=True)
class Device:
    """One device, and how it is to compute.

    Attributes:
        device: The device of JAX.
        precision: "full" or "fast": how float32 matrices are multiplied.
        deterministic: Whether a GPU repeats the same bits.
    """

    device: Any
    precision: str
    deterministic: bool

    @classmethod
    def find(cls, name: str, *, precision: str = "full", deterministic: bool = True) -> Device:
        """Return the device of that name.

        Raises:
            ConfigError: there is none.
        """
        kind, _, number = name.partition(":")
        try:
            devices = jax.local_devices() if kind == "auto" else jax.local_devices(backend=kind)
            return cls(devices[int(number or 0)], precision, deterministic)
        except (RuntimeError, IndexError):
            found = ", ".join(_names())
            raise ConfigError(f"engine.device: there is no '{name}' here; JAX has {found or 'no device'}") from None

    @property
    def is_cpu(self) -> bool:
        """Whether it is the processor."""
        return bool(self.device.platform == "cpu")

    @property
    def fingerprint(self) -> dict[str, str | int | float]:
        """What the last bits of results depend on."""
        kind: dict[str, str | int | float] = {"device": self.device.device_kind}
        if self.is_cpu:  # how a product is cut depends on the number of cores, and sums on the instructions
            kind = {"device": " ".join(["cpu", platform.machine(), *_vector_instructions()]), "cores": cores()}
        versions = {name: version(name) for name in ("jax", "jaxlib")}
        return {**versions, **kind, "precision": self.precision, "deterministic": int(self.deterministic)}

    @property
    def identity(self) -> list[Any]:
        """What a compiled program depends on beside its instructions."""
        flags = ""
        if self.is_cpu and Path("/proc/cpuinfo").exists():
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
            flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
        client = self.device.client
        return [self.fingerprint, self.device.id, client.platform_version, os.environ.get("XLA_FLAGS"), flags]

    @property
    def free_memory(self) -> int:
        """How many bytes of samples it may hold: half of what is free."""
        stats = self.device.memory_stats() or {}
        if "bytes_limit" in stats:
            return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0)) // 2
        try:
            return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        except (AttributeError, OSError, ValueError):  # a system that does not tell
            return 1 << 30

    @property
    def compiler_options(self) -> dict[str, Any]:
        """What the compiler is told."""
        return {"xla_gpu_deterministic_ops": True} if self.deterministic and self.device.platform == "gpu" else {}

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Hold the settings of JAX that a training needs, in this thread, whatever the process has set."""
        with ExitStack() as stack:
            stack.enter_context(jax.enable_x64(True))  # makes float64 possible; all dtypes are said
            stack.enter_context(jax.default_device(self.device))
            stack.enter_context(jax.default_matmul_precision("highest" if self.precision == "full" else "default"))
            stack.enter_context(jax.numpy_dtype_promotion("standard"))
            stack.enter_context(jax.numpy_rank_promotion("allow"))
            stack.enter_context(jax.threefry_partitionable(True))
            for check in (jax.debug_nans, jax.debug_infs, jax.disable_jit):
                stack.enter_context(check(False))
            yield


def _names() -> list[str]:
    try:
        return [f"{device.platform}:{index}" for index, device in enumerate(jax.local_devices())]
    except RuntimeError:
        return []


def _vector_instructions() -> list[str]:
    """Return the widest vector instructions that NumPy finds here: XLA uses them, too."""
    found: Any = np.show_config(mode="dicts")
    return list(found.get("SIMD Extensions", {}).get("found", []))[-1:]
