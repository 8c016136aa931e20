"""The device that computes, and the settings of JAX that hold while it does, and not a moment longer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from modnet import ConfigError

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
        platform, _, number = name.partition(":")
        try:
            devices = jax.local_devices() if platform == "auto" else jax.local_devices(backend=platform)
            return cls(devices[int(number or 0)], precision, deterministic)
        except (RuntimeError, ValueError, IndexError):
            found = [f"{device.platform}:{device.id}" for device in jax.local_devices()]
            raise ConfigError(f"engine.device: there is no '{name}'; there are {', '.join(found)}") from None

    @property
    def is_cpu(self) -> bool:
        """Whether it is the processor."""
        return bool(self.device.platform == "cpu")

    @property
    def fingerprint(self) -> dict[str, str | int | float]:
        """What the last bits depend on."""
        versions: dict[str, str | int | float] = {"jax": jax.__version__, "jaxlib": version("jaxlib")}
        place: dict[str, str | int | float] = {"device": self.device.device_kind, "precision": self.precision}
        if self.is_cpu:
            found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
            place |= {"device": f"cpu {found[-1] if found else 'baseline'}", "cores": len(os.sched_getaffinity(0))}
        return {**versions, **place, "deterministic": int(self.deterministic)}

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Hold the settings of JAX that a training needs, in this thread."""
        with ExitStack() as stack:
            stack.enter_context(jax.enable_x64(True))  # dtypes are always said; this makes float64 possible
            stack.enter_context(jax.default_device(self.device))
            stack.enter_context(jax.default_matmul_precision("highest" if self.precision == "full" else "default"))
            stack.enter_context(jax.numpy_dtype_promotion("standard"))
            stack.enter_context(jax.debug_nans(False))
            yield

    @property
    def compiler_options(self) -> dict[str, Any]:
        """What the compiler is told."""
        exact = self.deterministic and self.device.platform in ("gpu", "cuda", "rocm")
        return {"xla_gpu_deterministic_ops": True} if exact else {}
