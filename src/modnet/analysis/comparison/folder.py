"""The folder of a comparison: a run folder for each run, and an index of what the finished ones have reached."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt, TypeAdapter

from modnet import __version__
from modnet.analysis.comparison.outcome import Outcome
from modnet.analysis.comparison.plan import Plan
from modnet.core.errors import DataError, ModelFileError
from modnet.data.files import is_file, open_binary
from modnet.data.prepared import PartRecord
from modnet.storage.atomic import file_errors, write_file
from modnet.storage.lock import FolderLock

__all__ = ["INDEX_NAME", "ComparisonFolder", "first_difference"]

INDEX_NAME = "comparison.json"

MOST_BYTES = 1 << 28
"""How large the index may be."""


class _Combination(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    settings: dict[str, Any]
    config: dict[str, Any]
    samples: dict[str, PartRecord]


class _FinishedRun(Outcome):
    folder: str


class _Index(BaseModel):
    """The content of ``comparison.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    modnet: str
    part: str
    folds: NonNegativeInt | None
    combinations: list[_Combination]
    runs: list[_FinishedRun]


class ComparisonFolder:
    """A folder in which a comparison is kept while it is made, and from which it goes on after an interruption.

    Attributes:
        path: The folder.
        outcomes: What the finished runs have reached.

    Raises:
        ModelFileError: the folder cannot be used, something else is in it, or another comparison.
    """

    def __init__(self, path: str | PathLike[str], plan: Plan, folds: int | None) -> None:
        self.path = Path(path)
        self._names = {task.key: task.name for task in plan.tasks}
        combinations = [
            _Combination(settings=settings, config=config.to_config(), samples=dict(samples))
            for (settings, config), samples in zip(plan.combinations, plan.samples, strict=True)
        ]
        self._index = _Index(modnet=__version__, part=plan.part, folds=folds, combinations=combinations, runs=[])
        with file_errors(self.path, "no comparison can be stored here"):
            self.path.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(self.path)
        try:
            self._open()
        except BaseException:
            self.release()
            raise
        self.outcomes = [Outcome.model_validate(run.model_dump(exclude={"folder"})) for run in self._index.runs]

    def _open(self) -> None:
        file = self.path / INDEX_NAME
        if is_file(file):
            kept = self._read(file)
            if (what := self._difference(kept)) is not None:
                raise ModelFileError(
                    f"{self.path}: holds another comparison, {what}; allowed: the same one, a new folder"
                )
            self._index = kept
            return
        with file_errors(self.path, "no comparison can be stored here"):
            if any(item.name != FolderLock.NAME for item in self.path.iterdir()):
                raise ModelFileError(f"{self.path}: is not empty, and has no {INDEX_NAME}; allowed: a new folder")
        self._write()

    def _read(self, file: Path) -> _Index:
        try:
            with file_errors(file, "cannot be read"), open_binary(file) as opened:
                content = opened.read(MOST_BYTES + 1)
                if len(content) > MOST_BYTES:
                    raise ValueError(f"it has more than {MOST_BYTES} bytes")
                return _Index.model_validate_json(content)
        except DataError as error:
            raise ModelFileError(str(error)) from None

    def _difference(self, kept: _Index) -> str | None:
        """Return what another comparison differs in, or None where it is this one; it may have had other seeds."""
        here = self._index
        if kept.folds != here.folds:
            return f"{_folds(kept.folds)} (here {_folds(here.folds)})"
        if len(kept.combinations) != len(here.combinations):
            return f"of {len(kept.combinations)} combinations (here {len(here.combinations)})"
        # Through JSON, as what was kept is: a table there has no other types than here.
        ours = TypeAdapter(list[_Combination]).validate_json(
            TypeAdapter(list[_Combination]).dump_json(here.combinations)
        )
        for number, (before, now) in enumerate(zip(kept.combinations, ours, strict=True), 1):
            key = first_difference(before.config, now.config)
            if key is not None:
                return f"which differs in {key} of combination {number}"
            if before.samples != now.samples:
                return "of other samples"
        return None

    def add(self, outcome: Outcome) -> None:
        """Add a finished run to the index.

        Raises:
            ModelFileError: it cannot be written.
        """
        run = _FinishedRun(**outcome.model_dump(), folder=self._names[outcome.key])
        self._index = self._index.model_copy(update={"runs": [*self._index.runs, run]})
        self.outcomes.append(outcome)
        self._write()

    def _write(self) -> None:
        with file_errors(self.path / INDEX_NAME, "cannot be written"):
            content = f"{self._index.model_dump_json(indent=1)}\n".encode()
        write_file(self.path / INDEX_NAME, content)

    def release(self) -> None:
        """Let others use the folder."""
        self._lock.release()


def _folds(folds: int | None) -> str:
    return "without folds" if folds is None else f"with {folds} folds"


def first_difference(before: Any, now: Any, path: Sequence[str] = ()) -> str | None:
    """Return the dotted key of the first value that differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*now, *(key for key in before if key not in now)]:
            missing = (key in before) != (key in now)
            found = ".".join([*path, key]) if missing else first_difference(before[key], now[key], [*path, key])
            if found is not None:
                return found
        return None
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        items = [
            first_difference(*pair, [*path, str(index)]) for index, pair in enumerate(zip(before, now, strict=True))
        ]
        return next(filter(None, items), None)
    return None if before == now else ".".join(path)
