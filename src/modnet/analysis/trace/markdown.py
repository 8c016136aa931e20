"""A trace as Markdown: every step under its equation, with its numbers, in LaTeX between dollar signs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.summary import times
from modnet.analysis.trace.abbreviate import LIMIT, Excerpt, abbreviate, shown_indices
from modnet.analysis.trace.sample import sample_markdown
from modnet.analysis.trace.trace import LayerTrace, Trace
from modnet.core.numbers import format_number
from modnet.data.table import cell_text

__all__ = ["trace_markdown"]

_LETTERS = {"weights": "W", "biases": "b"}
_DELTA = "\\delta"


def trace_markdown(
    trace: Trace,
    title: str = "One sample, forward and back",
    heading: str = "#",
    image: Sequence[int] | None = None,
) -> str:
    """Return a trace step by step, each equation with its numbers, as Markdown with formulae in LaTeX.

    Args:
        trace: What `modnet.trace` returned.
        title: The first heading, plain text.
        heading: The mark of the first heading; the others have a ``#`` more.
        image: The rows and columns of the sample, perhaps with colours, if it is an image; it is then drawn in
            characters.
    """
    blocks = [f"{heading} {_escaped(title)}", *_introduction(trace, image)]
    blocks += [f"{heading}# Feedforward", *_forward(trace)]
    blocks += [f"{heading}# The cost", *_cost(trace)]
    blocks += [f"{heading}# Backpropagation", *_backward(trace, f"{heading}##")]
    blocks += [f"{heading}# Comparison with central differences", *_comparison(trace)]
    return "\n\n".join(blocks) + "\n"


def _introduction(trace: Trace, image: Sequence[int] | None) -> Iterator[str]:
    yield from sample_markdown(trace.x if trace.raw is None else trace.raw, trace.x.size > LIMIT, image)
    yield f"This is a {_escaped(trace.title)}. All numbers are those of its own passes, to six digits."
    if any(max(layer.x.size, layer.a.size) > LIMIT for layer in trace.layers):
        yield f"Where an axis has more than {LIMIT} entries, the first three and the last are shown; all are computed."
    if trace.raw is not None:
        raw = trace.raw.astype(object)
        raw[raw != raw] = None  # NaN, of numbers beside text, too
        yield from ("The sample as it was given:", f"$${_matrix(raw)}$$")
    yield "The sample enters the network as $a^{0}$:" if trace.raw is None else "It enters the network transformed:"
    yield f"$$a^{{0}} = x = {_matrix(trace.x)}$$"
    label = "" if trace.label is None else f", of the class {_escaped(str(trace.label))}"
    yield f"The target, which the network should output{label}:"
    yield f"$$y = {_matrix(trace.y)}$$"
    if trace.random:
        yield "Layers of this network draw random numbers in training. They were drawn once, for all that follows."
    if trace.running:
        kinds = " and ".join(f"`{kind}`" for kind in trace.running)
        yield f"What {kinds} does to a batch it cannot do to one sample; it works as in a frozen layer."


def _forward(trace: Trace) -> Iterator[str]:
    explained: set[str] = set()
    for layer in trace.layers:
        l, z, a = layer.number, _of("z", layer.number), _of("a", layer.number)  # noqa: E741 -- the document's letter
        about = "" if layer.affine else _once(layer.about, explained)
        yield f"**Layer {l}**: `{layer.kind}`, {times(layer.x.shape)} → {times(layer.a.shape)}.{about}"
        if layer.affine:
            product, numbers = f"{_of('W', l)} {_of('a', l - 1)}", _product(layer.parameters["weights"], layer.x)
            if "biases" in layer.parameters:
                product += f" + {_of('b', l)}"
                numbers += f" + {_factor(layer.parameters['biases'])}"
            yield f"$${z} = {product} = {numbers}$$"  # without the result: on a phone the product fills the line
        else:
            yield from (f"$${_letter(name, l)} = {_matrix(values)}$$" for name, values in layer.parameters.items())
            yield f"Its net input is not $W a + b$, but what `{layer.kind}` computes from its input{_flat(layer.z)}:"
        yield f"$${z} = {_matrix(layer.z)}$$"
        if layer.activation is None:
            yield f"It has no activation: ${a} = {z}$."
        else:
            yield f"Its activation is `{layer.activation}`.{_once(layer.activation_about, explained)}"
            yield f"$${a} = \\sigma({z}) = {_matrix(layer.a)}$$"


def _once(about: str, explained: set[str]) -> str:
    """Return a component's documentation as the next sentence, the first time that it is asked for."""
    if not about or about in explained:
        return ""
    explained.add(about)
    return f" {_escaped(about)}"


def _cost(trace: Trace) -> Iterator[str]:
    yield f"The cost is `{trace.cost_kind}`.{_once(trace.cost_about, set())}"
    yield f"$$C = C({_of('a', len(trace.layers))}, y) = {_number(trace.cost)}$$"
    if trace.penalties:
        kinds = ", ".join(f"`{kind}`" for kind in trace.penalties)
        yield (
            f"The penalties on the weights ({kinds}) are added to the mean cost of an update, and are no part of the "
            "cost of one sample."
        )


def _backward(trace: Trace, heading: str) -> Iterator[str]:
    above: LayerTrace | None = None
    for layer in reversed(trace.layers):
        if above is None:
            yield f"{heading} Layer {layer.number}: δ at the output (BP1)"
            yield f"$$\\nabla_a C = {_partial('C', _of('a', layer.number))} = {_matrix(layer.upstream)}$$"
            yield from _slope(layer)
            yield from _output_delta(trace, layer)
        else:
            yield f"{heading} Layer {layer.number}: δ from the layer above (BP2)"
            upstream, delta = _partial("C", _of("a", layer.number)), _of(_DELTA, above.number)
            if above.affine:
                upstream = f"({_of('W', above.number)})^\\top {delta}"
                yield f"$${upstream} = {_product(above.parameters['weights'].T, above.delta)}$$"
            else:
                yield f"What `{above.kind}` passes back of ${delta}${_flat(layer.upstream)}:"
            yield f"$${upstream} = {_matrix(layer.upstream)}$$"
            yield from _slope(layer)
            brackets = above.affine and layer.activation
            equation = _delta_equation(layer, f"\\left( {upstream} \\right)" if brackets else upstream)
            yield f"$${_of(_DELTA, layer.number)} = {equation} = {_matrix(layer.delta)}$$"
        yield from _gradients(layer)
        above = layer


def _slope(layer: LayerTrace) -> Iterator[str]:
    z = _of("z", layer.number)
    if layer.slope is not None:
        yield f"$$\\sigma'({z}) = {_matrix(layer.slope)}$$"
    elif layer.jacobian is not None:
        yield f"Every neuron of `{layer.activation}` depends on the net inputs of all, so its derivative is a matrix:"
        yield f"$$\\Sigma'({z}) = {_partial(_of('a', layer.number), z)} = {_matrix(layer.jacobian)}$$"


def _delta_equation(layer: LayerTrace, upstream: str) -> str:
    """Return what δ of a layer is, without its numbers."""
    z = _of("z", layer.number)
    if layer.activation is None:
        return upstream
    return f"\\Sigma'({z})^\\top \\, {upstream}" if layer.slope is None else f"{upstream} \\odot \\sigma'({z})"


def _output_delta(trace: Trace, layer: LayerTrace) -> Iterator[str]:
    chain, delta = _delta_equation(layer, "\\nabla_a C"), _of(_DELTA, layer.number)
    if trace.output_form == "chain":
        yield f"$${delta} = {chain} = {_matrix(layer.delta)}$$"
        return
    together = f"`{trace.cost_kind}`{f' and `{layer.activation}`' if layer.activation else ''}"
    equation = delta
    if trace.output_form == "difference":
        yield f"{together} cancel in part. The network uses what is left of BP1, a difference:"
        equation += f" = {_of('a', layer.number)} - y = {_factor(layer.a)} - {_factor(trace.y)}"
    else:
        yield f"{together} provide it in a form of their own, which the network uses:"
    yield f"$${equation} = {_matrix(layer.delta)}$$"
    yield f"BP1 step by step differs from it by at most {_inline(float(np.max(np.abs(trace.chain - layer.delta))))}:"
    yield f"$${chain} = {_matrix(trace.chain)}$$"


def _gradients(layer: LayerTrace) -> Iterator[str]:
    delta = _of(_DELTA, layer.number)
    equations = {
        "biases": ("BP3", f" = {delta}"),
        "weights": ("BP4", f" = {delta} ({_of('a', layer.number - 1)})^\\top"),
    }
    for name in sorted(layer.gradients, key=lambda name: list(equations).index(name) if name in equations else 2):
        gradient, letter = layer.gradients[name], _letter(name, layer.number)
        source, right = f"The gradient of its {_escaped(name)}, as `{layer.kind}` computes it", ""
        if layer.affine:
            source, right = equations[name]
        yield f"{source}, and the same by central differences{_flat(gradient)}:"
        yield f"$$\\nabla {letter}{right} = {_matrix(gradient)}$$"
        entry = letter + {1: "_{j}", 2: "_{jk}"}.get(gradient.ndim, "")
        quotient = f"\\frac{{C({entry} + h) - C({entry} - h)}}{{2h}}"
        yield f"$${quotient} = {_matrix(layer.differences[name])}$$"


def _comparison(trace: Trace) -> Iterator[str]:
    rows = ["| gradient | entries compared | largest difference |", "| --- | --- | --- |"]
    for layer in trace.layers:
        for name, gradient in layer.gradients.items():
            compared = ~np.isnan(layer.differences[name])
            largest = float(np.max(np.abs(gradient - layer.differences[name])[compared], initial=0.0))
            entries = f"{compared.sum():,} of {compared.size:,}"
            rows.append(f"| $\\nabla {_letter(name, layer.number)}$ | {entries} | {_inline(largest)} |")
    if not trace.parameters:
        yield "The network has no parameters, and so no gradient."
        return
    yield "\n".join(rows)
    relative = "" if trace.largest_relative is None else f", {_inline(trace.largest_relative)} of its largest entry"
    yield f"The whole gradient differs by at most {_inline(trace.largest_absolute)}{relative}."
    yield (
        f"Every parameter was moved up and down by $h$, {_inline(trace.step)} times its own size or 1, whichever is "
        "more, and the cost computed in float64. The error of the quotient is about $h^2$, and rounding adds about "
        "$\\varepsilon / h$ with $\\varepsilon = 2^{-52}$; both together are least near "
        "$h = \\sqrt[3]{\\varepsilon}$."
    )
    if trace.dtype != "float64":
        yield f"The network computes its gradient in {trace.dtype}, so no more than about seven digits can agree."
    if trace.largest_relative is not None and trace.largest_relative > (1e-6 if trace.dtype == "float64" else 1e-3):
        yield (
            "This is more than rounding explains. An activation with a kink (relu) whose net input lies within $h$ of "
            "it has no derivative there; without one, a component's ``backward`` is wrong (`modnet plugins check` "
            "tests it)."
        )


def _of(letter: str, number: int) -> str:
    """Return a letter with the number of its layer."""
    return f"{letter}^{{{number}}}"


def _letter(name: str, number: int) -> str:
    """Return the letter of a layer's parameter: W, b, or its name."""
    return _of(_LETTERS.get(name) or "\\text{" + re.sub(r"[^\w.-]|_", " ", name) + "}", number)


def _flat(values: NDArray[Any]) -> str:
    return "" if values.ndim <= 2 else f" (of shape {times(values.shape)}, its entries in a column)"


def _partial(numerator: str, denominator: str) -> str:
    return f"\\frac{{\\partial {numerator}}}{{\\partial {denominator}}}"


def _inline(value: float) -> str:
    return f"${_number(value, 3)}$"


def _number(value: float, digits: int = 6) -> str:
    """Return a number as LaTeX."""
    if math.isnan(value):
        return r"\cdot"
    if math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    mantissa, _, exponent = format_number(value, digits).replace(",", r"\,").partition("e")
    return f"{mantissa} \\times 10^{{{int(exponent)}}}" if exponent else mantissa


def _product(left: NDArray[Any], right: NDArray[Any]) -> str:
    return f"{_factor(left)} {_factor(right)}"


def _factor(values: NDArray[Any]) -> str:
    """Return an array as a factor or a term: a single number in brackets."""
    return f"({_matrix(values)})" if values.size == 1 else _matrix(values)


def _matrix(values: NDArray[Any] | Excerpt) -> str:
    """Return an array as a matrix, a vector as a column, large ones as an excerpt; a single number as it is."""
    if isinstance(values, np.ndarray):
        if values.size == 1:
            return _entry(values.reshape(-1)[0])
        values = abbreviate(values if values.ndim == 2 else values.reshape(-1, 1))
    lines = [[_entry(value) for value in line] for line in values.values]
    rows_left_out, columns_left_out = (shown_indices(length)[-1] >= LIMIT for length in values.shape)
    if columns_left_out:
        lines = [[*line[:-1], r"\cdots", line[-1]] for line in lines]
    if rows_left_out:
        lines.insert(-1, [r"\ddots" if cell == r"\cdots" else r"\vdots" for cell in lines[0]])
    inner = r" \\ ".join(" & ".join(line) for line in lines)
    return rf"\begin{{pmatrix}} {inner} \end{{pmatrix}}"


def _entry(value: Any) -> str:
    """Return an entry of an array as LaTeX; text and missing values are in raw rows."""
    if value is not None and not isinstance(value, str):
        return _number(float(value))
    text = re.sub(r"[\\^~$\s]", " ", cell_text(value))
    return r"\text{" + re.sub(r"([{}&#%_])", r"\\\1", text) + "}"


def _escaped(text: str) -> str:
    """Return text in which only code between backquotes has a meaning in Markdown."""
    pieces = re.split(r"(`+[^`]+`+)", text)
    pieces[::2] = [re.sub(r"([\\*_|\[\]#$])", r"\\\1", piece).replace("<", "&lt;") for piece in pieces[::2]]
    return "".join(pieces)
