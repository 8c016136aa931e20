"""Compiled programs, kept in this process and in files: what compiles in a second is read in some milliseconds."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Any

from jax.experimental import serialize_executable

from modnet.storage.cache_folder import CacheFolder
from modnet_jax.device import Device

__all__ = ["ProgramCache"]

MOST_IN_MEMORY = 100

_in_memory: dict[str, Any] = {}


class ProgramCache:
    """Compiles what was lowered, unless that was done before.

    A program is known by the digest of its instructions, of what the compiler is told, and of device and versions.

    Args:
        folder: The option ``cache``.
        device: What the programs are for.
    """

    def __init__(self, folder: str, device: Device) -> None:
        # a program is code, so no folder of others is read
        self._folder, self._device = CacheFolder(folder, "jax", "engine.cache"), device

    def compile(self, lowered: Any, *, kept: bool) -> Any:
        """Return the compiled program; it is not ``kept`` where it calls functions of this process."""
        if not kept:
            return self._compile(lowered)
        interface = lowered.args_info, lowered.out_tree  # the text lacks arguments that are not used
        parts = self._device.identity, self._device.compiler_options, interface, lowered.as_text()
        digest = hashlib.sha256(repr(parts).encode()).hexdigest()
        compiled = _in_memory.pop(digest) if digest in _in_memory else self._read(digest, lowered)
        _in_memory[digest] = compiled = compiled or self._write(digest, lowered)
        while len(_in_memory) > MOST_IN_MEMORY:
            del _in_memory[next(iter(_in_memory))]
        return compiled

    def _read(self, digest: str, lowered: Any) -> Any:
        content, device = self._folder.read(digest), self._device.device
        trees = lowered.in_tree, lowered.out_tree
        with suppress(Exception):  # whatever a file of another system leads to
            if content is not None:
                return serialize_executable.deserialize_and_load(
                    content, *trees, backend=device.client, execution_devices=[device]
                )
        return None

    def _write(self, digest: str, lowered: Any) -> Any:
        compiled = self._compile(lowered)
        with suppress(Exception):  # a device whose programs cannot be written
            self._folder.write(digest, serialize_executable.serialize(compiled)[0])
        return compiled

    def _compile(self, lowered: Any) -> Any:
        return lowered.compile(compiler_options=self._device.compiler_options)
