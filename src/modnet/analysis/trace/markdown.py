"""A trace as Markdown: every step under its equation, with its numbers, in LaTeX between dollar signs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.trace.abbreviate import LIMIT, shown
from modnet.analysis.trace.trace import LayerTrace, Trace
from modnet.network.summary import times

__all__ = ["markdown"]

_LETTERS = {"weights": "W", "biases": "b"}


def markdown(trace: Trace, title: str, heading: str) -> str:
    """Return the trace as Markdown, with a blank line between its blocks."""
    blocks = [f"{heading} {_escaped(title)}", *_opening(trace)]
    blocks += [f"{heading}# Feedforward", *_forward(trace)]
    blocks += [f"{heading}# The cost", *_cost(trace)]
    blocks += [f"{heading}# Backpropagation", *_backward(trace, f"{heading}##")]
    blocks += [f"{heading}# Compared with differences", *_compared(trace)]
    return "\n\n".join(blocks) + "\n"


def _opening(trace: Trace) -> Iterator[str]:
    large = [layer for layer in trace.layers if max(layer.x.size, layer.a.size) > LIMIT]
    yield f"This is a {_escaped(trace.title)}. All numbers are those of its own passes, to six digits."
    if large:
        yield (
            f"Of more than {LIMIT} entries along an axis, numbers 1, 2 and 3 and the last are shown; what is not shown "
            "is computed all the same."
        )
    if trace.raw is not None:
        yield "The sample as it was given:"
        yield _formula(_matrix(trace.raw))
        yield "It enters the network scaled:"
    else:
        yield "The sample enters the network as $a^{0}$:"
    yield _formula(f"a^{{0}} = x = {_matrix(trace.x)}")
    target = "" if trace.label is None else f" It is of the class {_escaped(str(trace.label))}."
    yield f"What the network should answer:{target}"
    yield _formula(f"y = {_matrix(trace.y)}")
    if trace.random:
        yield "Layers of this network draw random numbers while it trains. They were drawn once, for all that follows."


def _forward(trace: Trace) -> Iterator[str]:
    told: set[str] = set()
    for layer in trace.layers:
        l = layer.number  # noqa: E741 -- the document's letter
        sizes = f"{times(layer.x.shape)} → {times(layer.a.shape)}"
        yield f"**Layer {l}**: `{layer.kind}`, {sizes}.{'' if layer.affine else _once(layer.about, told)}"
        if layer.affine:
            terms = [f"{_factor(layer.parameters['weights'])} {_factor(layer.x)}"]
            letters = [f"W^{{{l}}} a^{{{l - 1}}}"]
            if "biases" in layer.parameters:
                terms.append(_factor(layer.parameters["biases"]))
                letters.append(f"b^{{{l}}}")
            yield _formula(f"z^{{{l}}} = {' + '.join(letters)} = {' + '.join(terms)}")
            yield _formula(f"z^{{{l}}} = {_matrix(layer.z)}")  # by itself: on a phone the product fills the line
        else:
            for name, values in layer.parameters.items():
                yield _formula(f"{_letter(name, l)} = {_matrix(values)}")
            yield f"Its net input is no $W a + b$, but what `{layer.kind}` makes of its input{_flat(layer.z)}:"
            yield _formula(f"z^{{{l}}} = {_matrix(layer.z)}")
        if layer.activation is None:
            yield f"It has no activation: $a^{{{l}}} = z^{{{l}}}$."
        else:
            yield f"Its activation is `{layer.activation}`.{_once(layer.activation_about, told)}"
            yield _formula(f"a^{{{l}}} = \\sigma(z^{{{l}}}) = {_matrix(layer.a)}")


def _once(about: str, told: set[str]) -> str:
    if not about or about in told:
        return ""
    told.add(about)
    return f" {_escaped(about)}"


def _cost(trace: Trace) -> Iterator[str]:
    last = len(trace.layers)
    yield f"The cost is `{trace.cost_kind}`.{_once(trace.cost_about, set())}"
    yield _formula(f"C = C(a^{{{last}}}, y) = {_number(trace.cost)}")
    if trace.penalties:
        kinds = ", ".join(f"`{kind}`" for kind in trace.penalties)
        yield (
            f"The penalties on the weights ({kinds}) are added to the mean cost of an update, and are no part of the "
            "cost of one sample."
        )


def _backward(trace: Trace, heading: str) -> Iterator[str]:
    for layer in reversed(trace.layers):
        l = layer.number  # noqa: E741 -- the document's letter
        above = None if layer is trace.layers[-1] else trace.layers[l]
        if above is None:
            yield f"{heading} Layer {l}: δ at the output (BP1)"
            yield _formula(f"\\nabla_a C = \\frac{{\\partial C}}{{\\partial a^{{{l}}}}} = {_matrix(layer.upstream)}")
            yield from _slope(layer)
            yield from _output_delta(trace, layer)
        else:
            yield f"{heading} Layer {l}: δ from the layer above (BP2)"
            yield from _upstream(layer, above)
            yield from _slope(layer)
            upstream = f"\\left( {_pulled(above)} \\right)" if above.affine and layer.activation else _pulled(above)
            yield _formula(f"{_delta(layer, upstream)} = {_matrix(layer.delta)}")
        yield from _gradients(layer)


def _upstream(layer: LayerTrace, above: LayerTrace) -> Iterator[str]:
    if above.affine:
        product = f"{_factor(above.parameters['weights'].T)} {_factor(above.delta)}"
        yield _formula(f"{_pulled(above)} = {product}")
        yield _formula(f"{_pulled(above)} = {_matrix(layer.upstream)}")
    else:
        yield f"What `{above.kind}` makes of $\\delta^{{{above.number}}}$ on its way back{_flat(layer.upstream)}:"
        yield _formula(f"{_pulled(above)} = {_matrix(layer.upstream)}")


def _pulled(above: LayerTrace) -> str:
    l = above.number  # noqa: E741 -- the document's letter
    if above.affine:
        return f"(W^{{{l}}})^\\top \\delta^{{{l}}}"
    return f"\\frac{{\\partial C}}{{\\partial a^{{{l - 1}}}}}"


def _slope(layer: LayerTrace) -> Iterator[str]:
    l = layer.number  # noqa: E741 -- the document's letter
    if layer.slope is not None:
        yield _formula(f"\\sigma'(z^{{{l}}}) = {_matrix(layer.slope)}")
    elif layer.jacobian is not None:
        yield f"Every neuron of `{layer.activation}` depends on the net inputs of all, so its derivative is a matrix:"
        matrix = _matrix(layer.jacobian, (layer.z.size, layer.z.size))
        yield _formula(f"\\Sigma'(z^{{{l}}}) = \\frac{{\\partial a^{{{l}}}}}{{\\partial z^{{{l}}}}} = {matrix}")


def _delta(layer: LayerTrace, upstream: str) -> str:
    """Return the equation for δ of a layer, without its numbers."""
    l = layer.number  # noqa: E741 -- the document's letter
    if layer.activation is None:
        return f"\\delta^{{{l}}} = {upstream}"
    if layer.slope is None:
        return f"\\delta^{{{l}}} = \\Sigma'(z^{{{l}}})^\\top \\, {upstream}"
    return f"\\delta^{{{l}}} = {upstream} \\odot \\sigma'(z^{{{l}}})"


def _output_delta(trace: Trace, layer: LayerTrace) -> Iterator[str]:
    chain = _delta(layer, "\\nabla_a C")
    if trace.output_form == "chain":
        yield _formula(f"{chain} = {_matrix(layer.delta)}")
        return
    l = layer.number  # noqa: E741 -- the document's letter
    together = f" and `{layer.activation}`" if layer.activation else ""
    if trace.output_form == "difference":
        yield f"`{trace.cost_kind}`{together} cancel in part. The network uses what is left of BP1, a difference:"
        values = f"{_factor(layer.a)} - {_factor(trace.y)} = {_matrix(layer.delta)}"
        yield _formula(f"\\delta^{{{l}}} = a^{{{l}}} - y = {values}")
    else:
        yield f"`{trace.cost_kind}`{together} give it in a form of their own, which the network uses:"
        yield _formula(f"\\delta^{{{l}}} = {_matrix(layer.delta)}")
    gap = float(np.max(np.abs(trace.chain - layer.delta)))
    yield f"BP1 step by step differs from it by {_inline(gap)} at most:"
    yield _formula(f"{chain.partition(' = ')[2]} = {_matrix(trace.chain)}")


def _gradients(layer: LayerTrace) -> Iterator[str]:
    l = layer.number  # noqa: E741 -- the document's letter
    equations = {
        "biases": ("BP3", f" = \\delta^{{{l}}}"),
        "weights": ("BP4", f" = \\delta^{{{l}}} (a^{{{l - 1}}})^\\top"),
    }
    for name in sorted(layer.gradients, key=lambda name: list(equations).index(name) if name in equations else 2):
        gradient, letter = layer.gradients[name], _letter(name, l)
        number, right = equations[name] if layer.affine else ("", "")
        said = f"{number}, and" if number else f"The gradient of its {_escaped(name)}, as `{layer.kind}` gives it, and"
        yield f"{said} the same by central differences{_flat(gradient)}:"
        yield _formula(f"\\nabla {letter}{right} = {_matrix(gradient)}")
        entry = f"{letter}{ {1: '_{j}', 2: '_{jk}'}.get(gradient.ndim, '') }"
        quotient = f"\\frac{{C({entry} + h) - C({entry} - h)}}{{2h}}"
        yield _formula(f"{quotient} = {_matrix(layer.differences[name])}")


def _compared(trace: Trace) -> Iterator[str]:
    rows = []
    for layer in trace.layers:
        for name, gradient in layer.gradients.items():
            numeric = layer.differences[name]
            asked = ~np.isnan(numeric)
            gap = float(np.max(np.abs(gradient - numeric)[asked], initial=0.0))
            entries = f"{asked.sum():,} of {asked.size:,}"
            rows.append(f"| $\\nabla {_letter(name, layer.number)}$ | {entries} | {_inline(gap)} |")
    if not rows:
        yield "The network has no parameters, and so no gradient."
        return
    yield "\n".join(["| gradient | entries compared | largest difference |", "| --- | --- | --- |", *rows])
    relative = "" if trace.largest_relative is None else f", {_inline(trace.largest_relative)} of its largest entry"
    yield f"The whole gradient differs by {_inline(trace.largest_absolute)} at most{relative}."
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
            "it has no derivative there; without one, a part's way back is wrong (`modnet plugins check` finds out)."
        )


def _letter(name: str, number: int) -> str:
    letter = _LETTERS.get(name) or "\\text{" + re.sub(r"[^\w-]|_", " ", name) + "}"
    return f"{letter}^{{{number}}}"


def _flat(values: NDArray[Any]) -> str:
    return "" if values.ndim <= 2 else f" (of shape {times(values.shape)}, its entries in a column)"


def _formula(tex: str) -> str:
    return f"$${tex}$$"


def _inline(value: float) -> str:
    return f"${_number(value, 3)}$"


def _number(value: float, digits: int = 6) -> str:
    """Return a number as LaTeX."""
    if math.isnan(value):
        return r"\cdot"
    if math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    mantissa, _, exponent = f"{value + 0.0:.{digits}g}".partition("e")  # + 0.0 takes the sign from -0
    return f"{mantissa} \\times 10^{{{int(exponent)}}}" if exponent else mantissa


def _factor(values: NDArray[Any]) -> str:
    """Return the same as a factor or a term: a single number in brackets."""
    return f"({_matrix(values)})" if values.size == 1 else _matrix(values)


def _matrix(values: NDArray[Any], shape: tuple[int, ...] | None = None) -> str:
    """Return a vector as a column and a matrix as it is, by excerpt where they are large.

    ``shape`` is that of the whole where ``values`` is its excerpt already.
    """
    if values.size == 1:
        return _number(float(values.reshape(())))
    table = values.reshape(-1, 1) if values.ndim != 2 else values
    rows, columns = (shown(length) for length in shape or table.shape)
    if shape is None:
        table = table[np.ix_(rows, columns)]
    lines = [[_number(float(value)) for value in line] for line in table]
    if _has_gap(columns):
        lines = [[*line[:-1], r"\cdots", line[-1]] for line in lines]
    if _has_gap(rows):
        dots = [r"\ddots" if cell == r"\cdots" else r"\vdots" for cell in lines[0]]
        lines.insert(-1, dots)
    inner = r" \\ ".join(" & ".join(line) for line in lines)
    return rf"\begin{{pmatrix}} {inner} \end{{pmatrix}}"


def _has_gap(entries: list[int]) -> bool:
    return len(entries) > 1 and entries[-1] != len(entries) - 1


def _escaped(text: str) -> str:
    """Return text in which nothing but its code between backquotes means anything to Markdown."""
    pieces = re.split(r"(`+[^`]+`+)", text)
    pieces[::2] = [re.sub(r"([\\*_|\[\]#$])", r"\\\1", piece).replace("<", "&lt;") for piece in pieces[::2]]
    return "".join(pieces)
