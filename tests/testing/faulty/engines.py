"""Engines whose θ is wrong somewhere: the NumPy engine, but for one thing that one check alone must find."""

# ruff: noqa: ARG002 -- not every fault looks at the weights

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from testing.faulty.record import found_by

from modnet import Block, Engine
from modnet.data.row_source import RowSource
from modnet.data.sparse_rows import SparseRows
from modnet.engines.numpy.session import NumpySession


class Working(NumpySession):
    """The NumPy engine's session, in which the gradient of an update can be changed."""

    def __init__(self, plan: Any) -> None:
        super().__init__(plan, 1)
        self.plan, self.network, self.workers, self.updater = plan, self._network, self._workers, self._updater
        self.gradient, compute = self.workers.gradient, self.workers.compute_gradient

        def compute_gradient(x: Any, y: Any, weights: Any, outputs: Any) -> None:
            compute(x, y, weights, outputs)
            self.after_gradient(weights)

        self.workers.compute_gradient = compute_gradient

    def after_gradient(self, weights: Any) -> None:
        """Change ∇θ of the samples of an update, which have these weights."""


class Faulty(Engine):
    """The NumPy engine, with a session that has a fault."""

    kind: Literal["faulty"] = "faulty"
    Session: ClassVar[type[Working]] = Working

    def start(self, plan: Any) -> Working:
        return self.Session(plan)


@found_by("activations-and-costs", "quantile: θ is not that of the NumPy engine: at [")
class OneQuantile(Faulty):
    """Of the outputs of a quantile cost only as many are trained as there are targets."""

    kind: Literal["one-quantile"] = "one-quantile"

    class Session(Working):
        def after_gradient(self, weights):
            width, biases = self.network.target_width, self.network.views(self.gradient)[-1]["biases"]
            if self.network.cost.kind == "quantile":
                biases[width:] = 0.0


@found_by("update-rules", "a rule that uses the layout of θ: ")
class NoLayout(Faulty):
    """Rules are not told which part of θ is which array."""

    kind: Literal["no-layout"] = "no-layout"

    class Session(Working):
        def __init__(self, plan):
            super().__init__(plan)
            first, *_, last = self.network.layout
            self.updater.context.layout = (first._replace(stop=last.stop),)


@found_by("schedules", "one-cycle with momentum: θ is not that of the NumPy engine")
class NoMomenta(Faulty):
    """The momentum that a schedule drives is left out."""

    kind: Literal["no-momenta"] = "no-momenta"

    class Session(Working):
        def run(self, block, on_outputs, on_update=None):
            return super().run(Block(block.rows, block.batch_size, block.rates), on_outputs, on_update)


@found_by("penalties", "l1 and l2: θ is not that of the NumPy engine")
class OnlyL2(Faulty):
    """Every penalty is taken for weight decay, so that L1 has no effect."""

    kind: Literal["only-l2"] = "only-l2"

    class Session(Working):
        def after_gradient(self, weights):
            count = self.network.regularized
            for regularizer in self.network.regularizers:
                if regularizer.kind == "l1":
                    self.gradient[:count] -= regularizer.gradient(self.network.parameters[:count])


@found_by("containers", "parallel: θ is not that of the NumPy engine")
class FirstBranch(Faulty):
    """Only the first of parallel branches is trained."""

    kind: Literal["first-branch"] = "first-branch"

    class Session(Working):
        def after_gradient(self, weights):
            for layer, views in zip(self.network.layers, self.network.views(self.gradient), strict=True):
                for name, view in views.items():
                    if layer.component.kind == "parallel" and not name.startswith("0."):
                        view[...] = 0.0


@found_by("normalizations", "layer-norm: θ is not that of the NumPy engine")
class NoScales(Faulty):
    """What a layer-norm multiplies by is not trained."""

    kind: Literal["no-scales"] = "no-scales"

    class Session(Working):
        def after_gradient(self, weights):
            for layer, views in zip(self.network.layers, self.network.views(self.gradient), strict=True):
                if layer.component.kind == "layer-norm":
                    next(iter(views.values()))[...] = 0.0


@found_by("given-masks", "masks: θ is not that of the NumPy engine")
class NoCounters(Faulty):
    """Of a layer's state only arrays are carried from block to block, no single numbers."""

    kind: Literal["no-counters"] = "no-counters"

    class Session(Working):
        def run(self, block, on_outputs, on_update=None):
            before = self.network.layer_states()
            finite = super().run(block, on_outputs, on_update)
            after = self.network.layer_states()
            for old, new in zip(before, after, strict=True):
                new.update({name: value for name, value in old.items() if value.size == 1})
            self.network.load_layer_states(after)
            return finite


@found_by("frozen-layers", "a frozen first layer: θ is not that of the NumPy engine")
class Thawing(Faulty):
    """Weight decay takes hold of frozen layers, too."""

    kind: Literal["thawing"] = "thawing"

    class Session(Working):
        def run(self, block, on_outputs, on_update=None):
            self.network.parameters[self.network.trainable :] *= 0.999
            return super().run(block, on_outputs, on_update)


@found_by("sample-weights", "batches that weigh nothing: θ is not that of the NumPy engine")
class DividesByZero(Faulty):
    """Where the weights of an update sum to 0, all its samples count."""

    kind: Literal["divides-by-zero"] = "divides-by-zero"

    class Session(Working):
        def after_gradient(self, weights):
            if weights is not None and not weights.sum():
                self.gradient += 0.01


@found_by("batch-sizes", "1,300 samples in one update: θ is not that of the NumPy engine")
class OnePiece(Faulty):
    """Of an update that is too large for one piece, the gradients of the pieces are averaged, not added."""

    kind: Literal["one-piece"] = "one-piece"

    class Session(Working):
        def run(self, block, on_outputs, on_update=None):
            pieces = math.ceil(block.batch_size / self.network.chunk)
            rates = [rate / pieces for rate in block.rates] if pieces > 1 else block.rates
            return super().run(Block(block.rows, block.batch_size, rates, block.momenta), on_outputs, on_update)


@found_by("single-precision", "batch-norm in float32: ")
class TensorFloats(Faulty):
    """A gradient in float32 has the ten bits of a product in TF32."""

    kind: Literal["tensor-floats"] = "tensor-floats"

    class Session(Working):
        def after_gradient(self, weights):
            if self.gradient.dtype == np.float32:
                self.gradient[...] = self.gradient.astype(np.float16)


@found_by("kinds-of-samples", "two classes: θ is not that of the NumPy engine")
class OneHot(Faulty):
    """Classes are taken to have an output each."""

    kind: Literal["one-hot"] = "one-hot"

    class Session(Working):
        def after_gradient(self, weights):
            if self.network.classes is not None and self.network.outputs == 1:
                self.gradient *= 0.5


@found_by("code-of-numpy", "an activation of NumPy: θ is not that of the NumPy engine")
class Constants(Faulty):
    """What a part computes by NumPy itself is a constant, through which no gradient goes."""

    kind: Literal["constants"] = "constants"

    class Session(Working):
        def after_gradient(self, weights):
            for layer, views in zip(self.network.layers, self.network.views(self.gradient), strict=True):
                if getattr(layer.activation, "kind", "") == "conformance-numpy":
                    for view in views.values():
                        view[...] = 0.0


@found_by("row-sources", "rows that are read: θ is not that of the NumPy engine")
class Sorting(Faulty):
    """Rows of a source are read in increasing order, and stay in it."""

    kind: Literal["sorting"] = "sorting"

    class Session(Working):
        def __init__(self, plan):
            super().__init__(plan)
            gather = self._batches.gather
            if isinstance(plan.samples.x, RowSource):
                self._batches.gather = lambda rows: gather(np.sort(rows))


@found_by("sparse-rows", "sparse rows: θ is not that of the NumPy engine")
class Indices(Faulty):
    """The values of sparse rows are taken to be 1."""

    kind: Literal["indices"] = "indices"
    takes_sparse: ClassVar[bool] = True

    class Session(Working):
        def __init__(self, plan):
            super().__init__(plan)
            gather = self._batches.gather
            if isinstance(plan.samples.x, SparseRows):
                self._batches.gather = lambda rows: np.asarray(gather(rows)) != 0.0
