"""The gradient flow of a run after each epoch, in a file of the run folder: a line of JSON each, the start first."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from modnet.analysis.gradients.gradient_flow import GradientFlow
from modnet.analysis.jsonable import jsonable
from modnet.core.errors import ModelFileError

__all__ = ["LOG", "EpochGradientFlow", "append_flow", "read_flows"]

LOG = "dampening.jsonl"


@dataclass(frozen=True)
class EpochGradientFlow:
    """The gradient flow after so many epochs; 0 is the start."""

    epochs: int
    flow: GradientFlow


def append_flow(folder: Path, flow: EpochGradientFlow) -> None:
    """Append a line to a run folder's log, in place of a last line that a killed process left unfinished.

    Raises:
        ModelFileError: the file cannot be written.
    """
    path = folder / LOG
    try:
        with path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.seek(0)
                    file.truncate(file.read().rfind(b"\n") + 1)
            file.write(f"{json.dumps(jsonable(flow))}\n".encode())
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written: {error.strerror}") from None


def read_flows(folder: Path) -> tuple[EpochGradientFlow, ...]:
    """Return the flows in a run folder's log, by epochs; none where there is no log.

    Of an epoch that was run twice the later counts. A last line that does not end is ignored.

    Raises:
        ModelFileError: the file cannot be read, or a line is not what `append_flow` writes.
    """
    path = folder / LOG
    if not path.exists():
        return ()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from None
    adapter = TypeAdapter(EpochGradientFlow)
    flows: dict[int, EpochGradientFlow] = {}
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), 1):
        try:
            flow = adapter.validate_json(line)
        except ValidationError:
            raise ModelFileError(f"{path}: line {number} is not the gradient flow of an epoch") from None
        flows[flow.epochs] = flow
    return tuple(flows[epochs] for epochs in sorted(flows))
