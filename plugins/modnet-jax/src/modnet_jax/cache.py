"""Compiled programs, kept in this process and in files: what compiles in a second is read in some milliseconds."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jax.experimental import serialize_executable

from modnet.core.messages import warn_once
from modnet_jax.device import Device

__all__ = ["ProgramCache"]

MOST_FILES = 500
"""How many programs a folder keeps, those that were used last; one has 10 to 500 kB."""
MOST_IN_MEMORY = 100

_in_memory: dict[str, Callable[..., Any]] = {}


class ProgramCache:
    """Compiles what was lowered, unless that was done before.

    A program is known by the digest of its instructions, of what the compiler is told, and of device and versions. A
    file that cannot be read or written is as good as none. As a program is code, only a folder that nobody else can
    write to is used.

    Args:
        folder: "auto" for one in the user's cache folder, "off" for none, or its path.
        device: What the programs are for.
    """

    def __init__(self, folder: str, device: Device) -> None:
        self._device, self._folder = device, None if folder == "off" else _usable(folder)

    def compile(self, lowered: Any, *, kept: bool) -> Callable[..., Any]:
        """Return the compiled program; it is not ``kept`` where it calls functions of this process."""
        options = self._device.compiler_options
        if not kept:
            return _compile(lowered, options)
        interface = lowered.args_info, lowered.out_tree  # the text lacks arguments that are not used
        parts = self._device.identity, options, interface, lowered.as_text()
        digest = hashlib.sha256(repr(parts).encode()).hexdigest()
        compiled = _in_memory.pop(digest, None) or self._read(digest, lowered) or self._write(digest, lowered, options)
        _in_memory[digest] = compiled
        while len(_in_memory) > MOST_IN_MEMORY:
            _in_memory.pop(next(iter(_in_memory)), None)
        return compiled

    def _read(self, digest: str, lowered: Any) -> Callable[..., Any] | None:
        if self._folder is None:
            return None
        path = self._folder / digest
        with suppress(Exception):  # whatever a damaged file, or one of another system, leads to
            content = path.read_bytes()
            if hashlib.sha256(content[32:]).digest() == content[:32]:
                path.touch()
                device, trees = self._device.device, (lowered.in_tree, lowered.out_tree)
                compiled: Callable[..., Any] = serialize_executable.deserialize_and_load(
                    content[32:], *trees, backend=device.client, execution_devices=[device]
                )
                return compiled
        return None

    def _write(self, digest: str, lowered: Any, options: Mapping[str, Any]) -> Callable[..., Any]:
        compiled: Any = _compile(lowered, options)
        if self._folder is not None:
            with suppress(Exception):  # a full disk, or a device whose programs cannot be kept
                content = serialize_executable.serialize(compiled)[0]
                with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                    file.write(hashlib.sha256(content).digest() + content)
                Path(file.name).replace(self._folder / digest)
                for old in sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)[:-MOST_FILES]:
                    old.unlink()
        return compiled  # type: ignore[no-any-return] # a function


def _compile(lowered: Any, options: Mapping[str, Any]) -> Callable[..., Any]:
    compiled: Callable[..., Any] = lowered.compile(compiler_options=dict(options))
    return compiled


def _usable(folder: str) -> Path | None:
    """Return the folder, made if need be; None where it cannot be used, which is told in a line."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
    path = Path(home if folder == "auto" else folder).expanduser()
    path = path / "modnet" / "jax" if folder == "auto" else path
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except (OSError, RuntimeError) as error:
        warn_once(f"engine.cache: {path} cannot be used ({error}); programs are compiled anew")
        return None
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
        warn_once(f"engine.cache: {path} can be written to by others; programs are compiled anew")
        return None
    return path
