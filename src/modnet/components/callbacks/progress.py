"""Progress: a bar on a terminal and in a notebook, a plain line for each epoch elsewhere."""

from __future__ import annotations

import io
import sys
import time
from contextlib import suppress
from typing import Any, ClassVar, Literal

from modnet.core.interfaces import Callback, TrainingView
from modnet.core.messages import epoch_number
from modnet.core.numbers import format_number
from modnet.core.output import Output
from modnet.core.plugins.hookspecs import hookimpl

__all__ = ["Progress", "epoch_line"]

_WIDTH, _PAUSE = 120, 0.1
"""In a notebook: how many characters a bar may have, and how many seconds it is shown at least."""
_PREFORMATTED = '<pre style="white-space:pre;overflow-x:auto;line-height:normal;font-family:monospace">{code}</pre>'


class Progress(Callback):
    """Shows how far the training is: a bar with cost, accuracy and time left, or a line for each epoch.

    The bar is on a terminal, or below the cell of a notebook, where it stays one line. Where that cannot be written,
    because its reader went away or the disk is full, the training goes on without it.
    """

    kind: Literal["progress"] = "progress"
    unique: ClassVar[bool] = True
    also_known_as: ClassVar[tuple[str, ...]] = ("progress-bar", "verbose", "tqdm")

    def listener(self) -> object:
        """Return a listener that shows a bar on a terminal or in a notebook, and prints plain lines elsewhere."""
        output = Output(sys.stdout)
        if _is_notebook():
            return _Cell()
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

        self._bar, self._task = _bar(training, Console(file=self._output))
        self._bar.start()

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        self._bar.update(self._task, advance=1, description=_figures(training, row))

    @hookimpl
    def modnet_fit_end(self, training: TrainingView) -> None:
        del training
        if self._bar is not None:
            self._bar.stop()


class _Cell:
    """A bar in the output of a notebook's cell; it is replaced, so that one line is left in the file, too."""

    _bar: Any = None
    _display: Any = None
    _next = 0.0

    @hookimpl
    def modnet_fit_start(self, training: TrainingView) -> None:
        from IPython.display import display
        from rich.console import Console

        # It is drawn as on a terminal that is wide enough, and has its colours.
        console = Console(file=io.StringIO(), width=_WIDTH, record=True, force_terminal=True, force_jupyter=False)
        self._bar, self._task = _bar(training, console)
        self._display = display(self, display_id=True)

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        self._bar.update(self._task, advance=1, description=_figures(training, row))
        if time.monotonic() >= self._next:
            self._show()

    @hookimpl
    def modnet_fit_end(self, training: TrainingView) -> None:
        del training
        if self._bar is not None:
            self._show()

    def _show(self) -> None:
        with suppress(Exception):  # whatever became of the notebook
            self._display.update(self)
        self._next = time.monotonic() + _PAUSE

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        del options
        console = self._bar.console
        console.file = io.StringIO()  # the last one is not read
        console.print(self._bar.get_renderable())
        html = console.export_html(inline_styles=True, clear=False, code_format=_PREFORMATTED)
        return {"text/plain": console.export_text().strip(), "text/html": html}


def _is_notebook() -> bool:
    """Return whether what is printed goes to the cell of a notebook: it may be redirected within one."""
    if "IPython" not in sys.modules:
        return False
    from rich.console import Console

    return Console().is_jupyter and type(sys.stdout).__module__.startswith("ipykernel")


def _bar(training: TrainingView, console: Any) -> tuple[Any, Any]:
    """Return a bar that is not yet shown, and its only task."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("Epochs"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console)
    return bar, bar.add_task("", total=training.config.epochs, completed=training.epochs)


def _figures(training: TrainingView, row: dict[str, Any]) -> str:
    """Return what a bar says of an epoch."""
    part = next((f"{name}_" for name in ("test", "validation") if name in training.held_out), "")
    figures = [f"cost {format_number(row['cost'])}"]
    if f"{part}accuracy" in row:
        figures.append(f"{part.replace('_', ' ')}accuracy {row[f'{part}accuracy']:.2%}")
    return ", ".join(figures)
