"""``modnet export``."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modnet import DataError
from modnet.analysis.results.predictions import PARTS
from modnet.cli.common.completing import complete_files
from modnet.cli.common.options import data_options, json_option, part_option, run_argument
from modnet.cli.common.other_data import OtherData
from modnet.cli.common.output import check_out, print_json, print_line
from modnet.core.messages import error_text, log_warning
from modnet.data.files import is_folder, read_bytes
from modnet.storage.atomic import write_atomically, write_errors
from modnet.storage.model_file import MODEL_NAME

if TYPE_CHECKING:
    import onnx

    from modnet.analysis.open_run import OpenRun
    from modnet.data.table import Rows


def _check_out(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    del ctx, parameter
    check_out("--out", value)
    return value


@click.command("export")
@run_argument
@click.option(
    "--out",
    metavar="FILE",
    required=True,
    callback=_check_out,
    shell_complete=complete_files,
    help="Write the model to this file, such as model.onnx.",
)
@click.option(
    "--inputs",
    type=click.Choice(["auto", "matrix", "columns"]),
    default="auto",
    show_default=True,
    help="A matrix of all features, or an input for each column by its name. auto: columns if some hold text.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0.0),
    default=1e-5,
    show_default=True,
    metavar="X",
    help="The largest difference from predict that is not refused.",
)
@data_options
@part_option
@json_option
def command(
    run: str, out: str, inputs: Any, tolerance: float, other: OtherData, part: str | None, as_json: bool
) -> None:
    """Export a trained network to ONNX.

    RUN is a run folder or a model file. The model takes raw rows: transforms are part of it. Before the file is in its
    place, it is run in onnxruntime on held-out samples, or on made rows where the run's samples are not there, and
    compared with the network. If it differs, nothing is written.
    """
    from modnet.analysis.open_run import OpenRun
    from modnet_onnx.checking import Comparison, check
    from modnet_onnx.export import to_onnx

    opened = other.use_for(OpenRun(run))
    network = opened.network
    model = to_onnx(network, inputs=inputs, metadata={"model_sha256": _digest(run)})
    name, rows = _rows(opened, part, is_given=other.path is not None)
    compared: list[Comparison] = []
    content = _content(model)
    with write_errors(f"--out {out}"):
        target = Path(os.path.realpath(out))  # what a link leads to is replaced, not the link
        write_atomically(target, content, lambda path: compared.append(check(path, network, rows, tolerance)))
    (comparison,) = compared
    names = {"inputs": [each.name for each in model.graph.input], "outputs": [each.name for each in model.graph.output]}
    if as_json:
        facts = {"file": out, "bytes": len(content), "nodes": len(model.graph.node), **names, "rows": name}
        print_json({**facts, **vars(comparison)})
        return
    print_line(f"{out}: {len(model.graph.node)} nodes, {len(content):,} bytes")
    for what, known in names.items():
        print_line(f"{what}: {', '.join(known)}")
    print_line(f"largest difference from predict on {comparison.samples:,} {name} rows: {comparison.difference:.1e}")
    print_line(
        f"one row: {comparison.onnxruntime_ms:.3f} ms in onnxruntime, {comparison.predict_ms:.3f} ms with predict"
    )


def _digest(run: str) -> str:
    """Return the SHA-256 of a run's model file."""
    return hashlib.sha256(read_bytes(Path(run, MODEL_NAME) if is_folder(run) else Path(run))).hexdigest()


def _content(model: onnx.ModelProto) -> bytes:
    """Return the bytes of a model's file.

    Raises:
        ExportError: they are more than one file of this format can hold.
    """
    from modnet_onnx.errors import ExportError

    try:
        content: bytes = model.SerializeToString()
    except Exception as error:  # protobuf's own class, or a ValueError, as its version is
        raise ExportError(f"the model cannot be written: {error_text(error)}; a file holds 2 GiB at most") from error
    return content


def _rows(run: OpenRun, part: str | None, *, is_given: bool) -> tuple[str, Rows]:
    """Return raw rows and what they are called: those of a part of the samples, or made ones.

    Raises:
        DataError: samples were asked for that there are not.
    """
    from modnet_onnx.rows import made_rows

    if part is not None or is_given or run.has_samples:
        try:
            chosen = part or next(name for name in reversed(PARTS) if name in run.parts)
            if chosen not in run.parts:
                raise DataError(f"--part {chosen}: the data has none; allowed: {', '.join(run.parts)}")
            run.samples(chosen)  # which checks that they are those of the training
            return run.part_name(chosen), run.parts[chosen].x
        except DataError as error:
            if part is not None or is_given:
                raise
            log_warning(f"{error}; the model is checked on made rows")
    rows = made_rows(run.network)
    try:
        run.network.predict(rows)  # type: ignore[arg-type] # a table is taken, too
    except DataError as error:
        raise DataError(f"made rows to check the model on: {error}; --data FILE gives others") from None
    return "made", rows
