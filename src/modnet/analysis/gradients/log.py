"""The flows of a run's epochs, in a file of the run folder: one line of JSON each, the start first."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from modnet.analysis.gradients.gradient_flow import GradientFlow
from modnet.core.errors import ModelFileError

__all__ = ["FLOWS", "EpochGradientFlow", "append_flow", "flows_in"]

FLOWS = "dampening.jsonl"


@dataclass(frozen=True)
class EpochGradientFlow:
    """The flow after so many epochs; 0 is the start."""

    epochs: int
    flow: GradientFlow


def append_flow(folder: Path, each: EpochGradientFlow) -> None:
    """Add a line to a run folder's file, in the place of one that a killed process has left unfinished.

    Raises:
        ModelFileError: it cannot be written.
    """
    file = folder / FLOWS
    line = json.dumps({"epochs": each.epochs, "flow": each.flow.to_dict()})
    try:
        with file.open("a+b") as opened:
            if opened.tell():
                opened.seek(-1, os.SEEK_END)
                if opened.read(1) != b"\n":
                    opened.seek(0)
                    opened.truncate(opened.read().rfind(b"\n") + 1)
            opened.write(f"{line}\n".encode())
    except OSError as error:
        raise ModelFileError(f"{file}: cannot be written: {error.strerror}") from None


def flows_in(folder: Path) -> tuple[EpochGradientFlow, ...]:
    """Return what a run folder's file holds, none where there is none; of an epoch that was run twice, the later.

    A last line without its end is one that a killed process has left, and is no line.

    Raises:
        ModelFileError: it cannot be read, or a line is not what `append_flow` writes.
    """
    file = folder / FLOWS
    if not file.exists():
        return ()
    adapter = TypeAdapter(EpochGradientFlow)
    found: dict[int, EpochGradientFlow] = {}
    try:
        whole = file.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{file}: cannot be read: {error.strerror}") from None
    for number, line in enumerate(whole[: whole.rfind(b"\n") + 1].splitlines(), 1):
        try:
            each = adapter.validate_json(line)
        except ValidationError:
            raise ModelFileError(f"{file}: line {number} is no flow of an epoch") from None
        found[each.epochs] = each
    return tuple(found[epochs] for epochs in sorted(found))
