"""What a training's results depend on beside its configuration, and whether it may be resumed where that differs."""

from __future__ import annotations

from pathlib import Path

from modnet import __version__
from modnet.config.run_config import RunConfig
from modnet.core import registry
from modnet.core.errors import ModelFileError
from modnet.core.interfaces import EngineSession
from modnet.storage.metadata import plugins_of

__all__ = ["Fingerprint", "check_fingerprint", "fingerprint_of"]

Fingerprint = dict[str, str | int | float]


def fingerprint_of(config: RunConfig, session: EngineSession) -> Fingerprint:
    """Return the engine's name, what its session depends on, and the versions of modnet and of the plug-ins used."""
    plugins = {f"{name} (plug-in)": version for name, version in plugins_of(config).items()}
    return {
        "engine": registry.active().full_name(type(config.engine)),
        **session.fingerprint,
        "modnet": __version__,
        **plugins,
    }


def check_fingerprint(kept: Fingerprint, current: Fingerprint, path: Path) -> None:
    """Refuse to resume a training where its results would differ, be it in their last bits.

    Raises:
        ModelFileError: naming the first difference, and how it is allowed.
    """
    for name in [*kept, *current]:
        before, here = kept.get(name, "none"), current.get(name, "none")
        if before != here:
            effect = "results may" if name == "modnet" or name.endswith(" (plug-in)") else "last bits would"
            raise ModelFileError(
                f"{path}: was written with {name} {before}, here it is {here}, so the {effect} differ; "
                "allowed with --allow-other-engine (in Python: allow_other_engine=True)"
            )
