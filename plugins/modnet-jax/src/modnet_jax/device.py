"""The device that computes, and the settings of JAX that hold while it does, and not a moment longer."""

from __future__ import annotations

import logging
import os
import platform
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from modnet import ConfigError
from modnet.core.messages import warn_once
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
            with _in_one_line():
                devices = jax.local_devices() if kind == "auto" else jax.local_devices(backend=kind)
            return cls(devices[int(number or 0)], precision, deterministic)
        except (RuntimeError, IndexError):
            found = ", ".join(_names())
            more = "; for NVIDIA's GPUs: pip install 'jax[cuda13]'" if kind == "gpu" and "gpu" not in found else ""
            raise ConfigError(
                f"engine.device: there is no '{name}' here; JAX has {found or 'no device'}{more}"
            ) from None

    @property
    def is_cpu(self) -> bool:
        """Whether it is the processor."""
        return bool(self.device.platform == "cpu")

    @property
    def fingerprint(self) -> dict[str, str | int | float]:
        """What the last bits of results depend on."""
        versions = {name: version(name) for name in ("jax", "jaxlib")}
        options: dict[str, str | int] = {"precision": self.precision, "deterministic": int(self.deterministic)}
        kind: dict[str, str | int] = {"device": self.device.device_kind}
        if self.is_cpu:  # how a product is cut depends on the number of cores, and a sum on the instructions
            kind |= {"instructions": _instructions(), "cores": cores()}
        return {**versions, **kind, **options}

    @property
    def identity(self) -> list[Any]:
        """What a compiled program depends on beside its instructions."""
        instructions = re.search("^(flags|Features).*", _text_of("/proc/cpuinfo"), re.MULTILINE)
        client, flags = self.device.client, os.environ.get("XLA_FLAGS")
        return [self.fingerprint, self.device.id, client.platform_version, flags, instructions and instructions[0]]

    @property
    def free_memory(self) -> int:
        """How many bytes of samples it may hold: half of what is free."""
        stats = self.device.memory_stats() or {}
        if "bytes_limit" in stats:
            return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0)) // 2
        found = re.search(r"MemAvailable: +(\d+) kB", _text_of("/proc/meminfo"))
        return int(found[1]) * 512 if found else 1 << 30

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


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Say in a line what JAX says in its log when it looks for devices: that there is a GPU which it cannot use."""
    logger, told = logging.getLogger("jax._src.xla_bridge"), dict[str, None]()

    def keep(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            told[" ".join(record.getMessage().split())] = None
        return False

    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)
        for text in told:
            warn_once(f"engine.device: JAX says: {text}")


def _names() -> list[str]:
    try:
        return [f"{device.platform}:{index}" for index, device in enumerate(jax.local_devices())]
    except RuntimeError:
        return []


def _text_of(path: str) -> str:
    """Return what Linux tells there; nothing on another system."""
    return Path(path).read_text(encoding="utf-8", errors="replace") if Path(path).exists() else ""


def _instructions() -> str:
    """Return the processor's kind, and the widest vector instructions that NumPy finds here: XLA uses them, too."""
    found: Any = np.show_config(mode="dicts")
    return " ".join([platform.machine(), *list(found.get("SIMD Extensions", {}).get("found", []))[-1:]])
