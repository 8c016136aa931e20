"""Progress: a bar on a terminal, a plain line for each epoch elsewhere."""

from __future__ import annotations

import sys
from typing import Any, ClassVar, Literal

from modnet.core.interfaces import Callback, TrainingView
from modnet.core.messages import epoch_number
from modnet.core.numbers import format_number
from modnet.core.output import Output
from modnet.core.plugins.hookspecs import hookimpl

__all__ = ["Progress", "epoch_line"]


class Progress(Callback):
    """Shows how far the training is: a bar with cost, accuracy and time left, or a line for each epoch.

    Where that cannot be written, because its reader went away or the disk is full, the training goes on without it.
    """

    kind: Literal["progress"] = "progress"
    unique: ClassVar[bool] = True
    also_known_as: ClassVar[tuple[str, ...]] = ("progress-bar", "verbose", "tqdm")

    def listener(self) -> object:
        """Return a listener that shows a bar on a terminal, and prints plain lines elsewhere."""
        output = Output(sys.stdout)
        return _Bar(output) if output.isatty() else _Lines(output)


def epoch_line(row: dict[str, Any], epochs: int, counts: dict[str, int | None]) -> str:
    """Return ``Epoch 1/30: 301 / 360`` where samples are held out, or ``Epoch 1/30 complete``.

    The document, which counts from 0, has ``Epoch 0: 301 / 360``. A count is None where samples have weights: an
    accuracy is then not a number of them.
    """
    epoch = f"{epoch_number(row['epoch'])}/{epochs}"
    part = next((name for name in ("test", "validation") if name in counts), None)
    if part is None:
        return f"Epoch {epoch} complete"
    count = counts[part]
    if f"{part}_accuracy" in row and count is not None:
        return f"Epoch {epoch}: {round(row[f'{part}_accuracy'] * count)} / {count}"
    return f"Epoch {epoch}: {part} cost {format_number(row[f'{part}_cost'], 6)}"


class _Lines:
    def __init__(self, output: Output) -> None:
        self._output = output

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        parts = training.held_out.items()
        counts = {name: len(samples) if samples.weights is None else None for name, samples in parts}
        print(epoch_line(row, training.config.epochs, counts), file=self._output, flush=True)


class _Bar:
    _bar: Any = None  # an error may come before there is a bar

    def __init__(self, output: Output) -> None:
        self._output: Any = output

    @hookimpl
    def modnet_fit_start(self, training: TrainingView) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("Epochs"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=Console(file=self._output))
        self._task = self._bar.add_task("", total=training.config.epochs, completed=training.epochs)
        self._bar.start()

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        part = next((f"{name}_" for name in ("test", "validation") if name in training.held_out), "")
        figures = [f"cost {format_number(row['cost'])}"]
        if f"{part}accuracy" in row:
            figures.append(f"{part.replace('_', ' ')}accuracy {row[f'{part}accuracy']:.2%}")
        self._bar.update(self._task, advance=1, description=", ".join(figures))

    @hookimpl
    def modnet_fit_end(self, training: TrainingView) -> None:
        del training
        if self._bar is not None:
            self._bar.stop()
