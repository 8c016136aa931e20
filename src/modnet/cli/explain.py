"""``modnet explain``."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from modnet.analysis.plots.diagram import forward, reverse
from modnet.analysis.plots.figure import file_format, save
from modnet.analysis.plots.network import draw_network
from modnet.analysis.plots.text_diagram import diagram
from modnet.analysis.summary import LayerSummary, Summary, raised, summary, times
from modnet.cli.options import configured
from modnet.cli.source import open_network

__all__ = ["command"]

_FORWARD = """\
zˡ = Wˡ aˡ⁻¹ + bˡ and aˡ = σ(zˡ); the document writes Wˡ with both its layers,
l−1 and l. Wˡⱼₖ leads from neuron k to neuron j and reaches C through zˡⱼ alone:
  ∂C/∂Wˡⱼₖ = ∂C/∂aˡⱼ · ∂aˡⱼ/∂zˡⱼ · ∂zˡⱼ/∂Wˡⱼₖ = δˡⱼ aˡ⁻¹ₖ  and  ∂C/∂bˡⱼ = δˡⱼ"""
_REVERSE = """\
The output layer is the input layer now, and the error at the output goes in:
  δᴸ = ∇C ⊙ σ′(zᴸ)              (BP1)
Each W leads the other way, transposed, and each layer multiplies by its σ′:
  δˡ = (Wˡ⁺¹)ᵀ δˡ⁺¹ ⊙ σ′(zˡ)    (BP2)"""
_MATRIX = """\
Where an activation mixes its neurons, as softmax does, its derivative is a
matrix: Σ′(z)ᵀ instead of ⊙ σ′(z)."""
_OWN = "A layer that is no W a + b has a box, and passes δ back in its own way."


@click.command("explain")
@configured
@click.option("--plot", metavar="FILE", help="Draw both networks: an .svg, .png or .pdf file.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(
    config: str | None,
    settings: tuple[str, ...],
    epochs: str | None,
    seed: str | None,
    dtype: str | None,
    plot: str | None,
    as_json: bool,
) -> None:
    """Show the dimensions of a network, the network itself, and the reversed network through which δ flows.

    CONFIG is a TOML file, or a run folder or a model file; without it the network of the teaching document is shown.
    Nothing is trained; of a configuration's data only the shapes count.
    """
    if plot is not None:
        file_format(plot)
    network, _ = open_network(config, settings, epochs, seed, dtype)
    found = summary(network)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    else:
        _print(found)
    if plot is not None:  # last, so that the numbers come without matplotlib too
        save(draw_network(found), plot)


def _print(found: Summary) -> None:
    from rich.console import Console

    width = max(Console().width, 60)
    _print_table(found)
    click.echo(f"\nThe network\n\n{diagram(forward(found), width)}\n\n{_FORWARD}")
    notes = [_REVERSE]
    if not all(layer.elementwise for layer in found.layers):
        notes.append(_MATRIX)
    if not all(layer.affine for layer in found.layers):
        notes.append(_OWN)
    click.echo(f"\nThe reversed network\n\n{diagram(reverse(found), width)}\n")
    click.echo("\n".join(notes))


def _print_table(found: Summary) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(found.title), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    for name, right in (("l", True), ("layer", False), ("", False), ("dimensions", False), ("in numbers", False),
                        ("parameters", True), ("in θ", True)):  # fmt: skip
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for layer in found.layers:
        table.add_row(str(layer.number), *(escape("\n".join(lines)) for lines in zip(*_lines(layer), strict=True)))
    table.add_section()
    table.add_row("", "total", "", "", "", f"{found.size:,}", f"0:{found.size}")
    Console().print(table)
    click.echo("m is the number of samples; θ[start:stop], reshaped, is the array.")
    if found.regularizers:
        click.echo(f"The penalties ({', '.join(found.regularizers)}) act on θ[0:{found.regularized}].")


def _lines(layer: LayerSummary) -> list[Sequence[str]]:
    """Return the lines of a layer's row in the table."""
    lines = [
        (one.letter, one.dimensions, times(one.shape), f"{one.size:,}", f"{one.start}:{one.stop}")
        for one in layer.parameters
    ]
    l = raised(layer.number)  # noqa: E741 -- the document's letter
    lines.append((f"z{l} a{l} δ{l}", layer.dimensions, f"m × {times(layer.outputs)}", "", ""))
    names = [layer.kind, layer.activation or "", *[""] * len(lines)]
    lines += [("", "", "", "", "")] * (2 - len(lines))
    return [(name, *line) for name, line in zip(names, lines, strict=False)]
