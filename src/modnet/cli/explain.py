"""``modnet explain``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from modnet.analysis.plots.diagram import forward, reverse
from modnet.analysis.plots.figure import save
from modnet.analysis.plots.network import draw_network
from modnet.analysis.plots.text_diagram import diagram
from modnet.analysis.summary import LayerSummary, Summary, raised, summary, times
from modnet.cli.common.options import file_option, json_option
from modnet.cli.common.output import print_json, print_line, print_table, print_text
from modnet.cli.common.source import Source, source_options
from modnet.core.messages import log_warning

_FORWARD = """\
zˡ = Wˡ aˡ⁻¹ + bˡ and aˡ = σ(zˡ). The document writes Wˡ with both its layers,
l−1 and l. Wˡⱼₖ leads from neuron k to neuron j and affects C through zˡⱼ only:
  ∂C/∂Wˡⱼₖ = ∂C/∂aˡⱼ · ∂aˡⱼ/∂zˡⱼ · ∂zˡⱼ/∂Wˡⱼₖ = δˡⱼ aˡ⁻¹ₖ  and  ∂C/∂bˡⱼ = δˡⱼ"""
_REVERSE = """\
The output layer becomes the input layer, and its input is the output error:
  δᴸ = ∇C ⊙ σ′(zᴸ)              (BP1)
Each W is transposed, and each layer multiplies by its σ′:
  δˡ = (Wˡ⁺¹)ᵀ δˡ⁺¹ ⊙ σ′(zˡ)    (BP2)"""
_MATRIX = """\
The derivative of an activation across neurons, such as softmax, is a matrix:
Σ′(z)ᵀ instead of ⊙ σ′(z)."""
_OWN = "A layer other than W a + b is drawn as a box, and passes δ back in its own way."


@click.command("explain")
@source_options
@file_option("--plot", "Plot both diagrams to this .svg, .png or .pdf file.")
@json_option
def command(source: Source, plot: str | None, as_json: bool) -> None:
    """Show a network's shapes, its diagram, and how δ is propagated back.

    CONFIG is a TOML file, a run folder or a model file; the default is the network of the teaching document. Nothing
    is trained; of a configuration's data only the shapes matter, and whether a network can learn from it: a combination
    that cannot is named on standard error. The second diagram is the reversed network, through
    which the error δ flows.
    """
    opened = source.open()
    shapes = summary(opened.network)
    if as_json:
        print_json(shapes)
    else:
        _print(shapes)
    for text in getattr(opened, "warnings", ()):
        log_warning(text)
    if plot is not None:
        save(draw_network(shapes), plot)


def _print(shapes: Summary) -> None:
    from rich.console import Console

    width = max(Console(file=sys.stdout).width, 60)
    rows = [row for layer in shapes.layers for row in _rows(layer)]
    rows.append(("", "total", "", "", "", f"{shapes.size:,}", f"0:{shapes.size}"))
    columns = ("l", "layer", "array", "dimensions", "in numbers", "parameters", "in θ")
    print_table(shapes.title, columns, rows, text=columns[1:5])
    print_line("m is the number of samples; θ[start:stop], reshaped, is the array.")
    if shapes.regularizers:
        print_line(f"The penalties ({', '.join(shapes.regularizers)}) apply to θ[0:{shapes.regularized}].")
    if shapes.trainable < shapes.size:
        print_line(f"θ[{shapes.trainable}:{shapes.size}] is frozen.")
    print_text(f"\nThe network\n\n{diagram(forward(shapes), width)}\n\n{_FORWARD}")
    notes = [_REVERSE]
    if not all(layer.elementwise for layer in shapes.layers):
        notes.append(_MATRIX)
    if not all(layer.affine for layer in shapes.layers):
        notes.append(_OWN)
    print_text(f"\nThe reversed network\n\n{diagram(reverse(shapes), width)}\n")
    print_text("\n".join(notes))


def _rows(layer: LayerSummary) -> Iterator[tuple[str, ...]]:
    """Yield the rows of one layer: its number, kind, activation and what is within it stand beside its arrays."""
    l = raised(layer.number)  # noqa: E741 -- the document's letter
    arrays = [
        (array.letter, array.dimensions, times(array.shape), f"{array.size:,}", f"{array.start}:{array.stop}")
        for array in layer.parameters
    ]
    arrays.append((f"z{l} a{l} δ{l}", layer.dimensions, f"m × {times(layer.outputs)}", "", ""))
    names = [(str(layer.number), layer.kind), *([("", layer.activation)] if layer.activation else [])]
    names += [("", f"{'  ' * path.count('.')}{path} {title}") for path, title in layer.within.items()]
    for index in range(max(len(arrays), len(names))):
        name = names[index] if index < len(names) else ("", "")
        yield *name, *(arrays[index] if index < len(arrays) else ("",) * 5)
