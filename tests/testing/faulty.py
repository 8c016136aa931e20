"""Components with one fault each, the check that is meant to find it, and words of its message."""

# ruff: noqa: ARG002, N818 -- faulty components ignore their arguments, and a mean squared error is no exception

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from modnet import (
    Activation,
    Callback,
    Data,
    Dataset,
    Initializer,
    Layer,
    Optimizer,
    ParameterSpec,
    Schedule,
    Solver,
    Sweep,
    hookimpl,
    namespace,
)
from modnet.components.activations import Identity, Sigmoid, Softmax, Tanh
from modnet.components.costs import BinaryCrossEntropy, Quadratic
from modnet.components.initializers import ScaledNormal, StandardNormal, Zeros
from modnet.components.layers import Dense, Dropout
from modnet.components.metrics import Accuracy, MeanSquaredError
from modnet.components.optimizers import Batch, MiniBatch
from modnet.components.regularizers import L2
from modnet.components.schedules import Constant, Exponential
from modnet.components.update_rules import Adam, Momentum, Plain

FAULTS: list[tuple[type, str, str]] = []


def found_by(check: str, words: str = ""):
    """Record which check is meant to find the fault of a class."""

    def record(cls):
        FAULTS.append((cls, check, words))
        return cls

    return record


# Every family: names, options, text form.


@found_by("kind-format", "lower-case words")
class BadKind(Tanh):
    """tanh z under a name of the wrong form."""

    kind: Literal["Bad_Kind"] = "Bad_Kind"


@found_by("kind-format", "accepts any kind")
class OpenKind(Activation):
    """z, under any kind."""

    kind: str = "open-kind"

    def __call__(self, z):
        return z

    def backward(self, upstream, z, a):
        return upstream


@found_by("documented", "no docstring")
class Undocumented(Tanh):
    kind: Literal["undocumented"] = "undocumented"


@found_by("documented", "has the docstring of its base class")
class CopiedDocstring(Identity):
    __doc__ = Identity.__doc__
    kind: Literal["copied-docstring"] = "copied-docstring"


@found_by("options-described", "'Steepness' should be lower-case words")
class CapitalOption(Identity):
    """z, with an option whose name begins with a capital."""

    kind: Literal["capital-option"] = "capital-option"
    Steepness: float = Field(default=1.0, description="a slope")


@found_by("options-described", "'steepness' has no description")
class Undescribed(Identity):
    """z, with an option that has no description."""

    kind: Literal["undescribed"] = "undescribed"
    steepness: float = 1.0


@found_by("unknown-options-refused", "should be refused")
class TakesAnything(Identity):
    """z, with any options."""

    model_config = ConfigDict(extra="ignore")
    kind: Literal["takes-anything"] = "takes-anything"

    @model_validator(mode="before")
    @classmethod
    def _only_known_options(cls, data: Any) -> Any:
        return data


@found_by("dump-and-load", "TOML form")
class TupleOnly(Identity):
    """z, with an option that a list in TOML cannot be read into."""

    kind: Literal["tuple-only"] = "tuple-only"
    points: tuple[float, ...] = Field(default=(1.0, 2.0), description="a tuple, which TOML writes as a list")


@found_by("frozen", "no hash")
class ListOption(Identity):
    """z, with an option that can be changed in place."""

    kind: Literal["list-option"] = "list-option"
    points: list[float] = Field(default=[1.0], description="a list")


@found_by("frozen", "could be set")
class Thawed(Identity):
    """z, of a component that can be changed."""

    model_config = ConfigDict(frozen=False)
    kind: Literal["thawed"] = "thawed"
    slope: float = Field(default=1.0, description="an option that can be set")


@found_by("picklable", "cannot be pickled")
class Unpicklable(Identity):
    """z, with a function that cannot be pickled."""

    kind: Literal["unpicklable"] = "unpicklable"
    _function: Any = PrivateAttr(default_factory=lambda: lambda z: z)


class OnlyHere(Identity):
    """z, of a component that only its own process can unpickle."""

    kind: Literal["only-here"] = "only-here"

    def __setstate__(self, state):
        if not IN_THIS_PROCESS:
            raise RuntimeError("not in this process")
        super().__setstate__(state)


IN_THIS_PROCESS: list[bool] = []
"""Not empty in the process of the test that needs it."""


# Functions of arrays.


@found_by("derivative", "backward: gradient of z against central differences")
class WrongDerivative(Sigmoid):
    """The sigmoid, with σ′ = a."""

    kind: Literal["wrong-derivative"] = "wrong-derivative"

    def backward(self, upstream, z, a):
        return upstream * a


@found_by("derivative", "backward: gradient of z against central differences")
class DiagonalSoftmax(Softmax):
    """Softmax, with the diagonal of its derivative only."""

    kind: Literal["diagonal-softmax"] = "diagonal-softmax"

    def backward(self, upstream, z, a):
        return upstream * a * (1.0 - a)


@found_by("derivative", "expected")
class SlightlyWrong(Tanh):
    """tanh z, with a derivative that is wrong by a hundred thousandth."""

    kind: Literal["slightly-wrong"] = "slightly-wrong"

    def backward(self, upstream, z, a):
        return upstream * (1.0 - a * a) * (1.0 + 1e-5)


@found_by("derivative", "has no derivative at")
class Rough(Activation):
    """z + 10⁻³ sin(10⁹ z), with the derivative of z."""

    kind: Literal["rough"] = "rough"

    def __call__(self, z):
        return z + 1e-3 * namespace(z).sin(1e9 * z)

    def backward(self, upstream, z, a):
        return upstream


@found_by("derivative", "gradient of z should have the shape (6, 5), got (5, 6)")
class TransposedDerivative(Tanh):
    """tanh z, with a derivative of the transposed shape."""

    kind: Literal["transposed-derivative"] = "transposed-derivative"

    def backward(self, upstream, z, a):
        return super().backward(upstream, z, a).T


@found_by("shape-preserved", "should have the shape (6, 5), got (6, 1)")
class WrongShape(Identity):
    """The sum over the units."""

    kind: Literal["wrong-shape"] = "wrong-shape"

    def __call__(self, z):
        return namespace(z).sum(z, axis=-1, keepdims=True)


@found_by("dtype-preserved", "should be float32, got float64")
class WrongDtype(Tanh):
    """tanh z, always float64."""

    kind: Literal["wrong-dtype"] = "wrong-dtype"

    def __call__(self, z):
        return np.tanh(z) * np.float64(1.0)


@found_by("float32-agrees-with-float64", "in float32 differs from float64")
class HalfPrecise(Activation):
    """z + 10,000 − 10,000, which loses four digits in float32."""

    kind: Literal["half-precise"] = "half-precise"

    def __call__(self, z):
        return (z + 10_000.0) - 10_000.0

    def backward(self, upstream, z, a):
        return upstream


@found_by("inputs-not-modified", "modifies its input")
class WritesToInput(Activation):
    """max(0, z), computed in place."""

    kind: Literal["writes-to-input"] = "writes-to-input"

    def __call__(self, z):
        z[z < 0.0] = 0.0
        return z

    def backward(self, upstream, z, a):
        return upstream * (z > 0.0)


@found_by("inputs-not-modified", "backward modifies its input")
class WritesToOutput(Tanh):
    """tanh z, with a derivative that is computed in a's place."""

    kind: Literal["writes-to-output"] = "writes-to-output"

    def backward(self, upstream, z, a):
        a *= -a
        a += 1.0
        return upstream * a


@found_by("extreme-inputs", "a should be finite, got nan at z = ")
class NanAtLargeZ(Sigmoid):
    """The sigmoid as eᶻ / (1 + eᶻ), which is ∞/∞ for a large z."""

    kind: Literal["nan-at-large-z"] = "nan-at-large-z"

    def __call__(self, z):
        e = namespace(z).exp(z)
        return e / (1.0 + e)


@found_by("extreme-inputs", "overflow encountered in exp, though its results are finite")
class OverflowsOnTheWay(Sigmoid):
    """The sigmoid as 1 / (1 + e⁻ᶻ), whose exponential is ∞ for z far below 0."""

    kind: Literal["overflows-on-the-way"] = "overflows-on-the-way"

    def __call__(self, z):
        return 1.0 / (1.0 + namespace(z).exp(-z))


@found_by("no-global-randomness", "the global state of numpy.random was changed")
class GlobalNoise(Identity):
    """z with noise from NumPy's global generator."""

    kind: Literal["global-noise"] = "global-noise"

    def __call__(self, z):
        return z + 1e-9 * np.random.standard_normal()  # noqa: NPY002 -- the fault


@found_by("deterministic", "is not the same")
class FreshNoise(Identity):
    """z with noise from a generator without a seed."""

    kind: Literal["fresh-noise"] = "fresh-noise"

    def __call__(self, z):
        return z + 1e-9 * np.random.default_rng().standard_normal()


@found_by("deterministic", "is not the same when it is called again")
class RemembersCalls(Identity):
    """z divided by the largest z of all calls."""

    kind: Literal["remembers-calls"] = "remembers-calls"
    seen: ClassVar[list[float]] = [1.0]

    def __call__(self, z):
        self.seen.append(float(namespace(z).max(namespace(z).abs(z))))
        return z / max(self.seen)


@found_by("deterministic", "a = σ(z): a is not the same from an equal component")
@found_by("frozen", "should equal a component with the same options")
class NoiseOfItsOwn(Identity):
    """z plus a number that every instance samples for itself."""

    kind: Literal["noise-of-its-own"] = "noise-of-its-own"
    _noise: float = PrivateAttr(default_factory=lambda: float(np.random.default_rng().standard_normal()))

    def __call__(self, z):
        return z + self._noise


@found_by("batch-equals-row-by-row", "of row 0 is not the same alone")
class MixesSamples(Activation):
    """z less its mean over the samples."""

    kind: Literal["mixes-samples"] = "mixes-samples"

    def __call__(self, z):
        return z - namespace(z).mean(z, axis=0)

    def backward(self, upstream, z, a):
        return upstream - namespace(upstream).mean(upstream, axis=0)


@found_by("shape-preserved", "C should have the shape (6,), got ()")
class SumOfSamples(Quadratic):
    """½ Σ (a − y)² over samples and outputs."""

    kind: Literal["sum-of-samples"] = "sum-of-samples"

    def __call__(self, a, y):
        return 0.5 * namespace(a).sum((a - y) ** 2)


@found_by("derivative", "gradient: gradient of a against central differences")
class MeanGradient(Quadratic):
    """½ Σ (a − y)², with a gradient that is divided by the samples."""

    kind: Literal["mean-gradient"] = "mean-gradient"

    def gradient(self, a, y):
        return (a - y) / a.shape[0]


@found_by("delta-derivative", "delta (tanh)")
class ShortDeltaForAll(BinaryCrossEntropy):
    """Binary cross-entropy, with δ = a − y through tanh too."""

    kind: Literal["short-delta-for-all"] = "short-delta-for-all"

    def delta(self, activation, z, a, y):
        return a - y if isinstance(activation, Tanh) else super().delta(activation, z, a, y)


@found_by("derivative", "gradient: gradient of weights against central differences")
class TwiceThePenalty(L2):
    """½λ Σ w², with the gradient 2λw."""

    kind: Literal["twice-the-penalty"] = "twice-the-penalty"

    def gradient(self, weights):
        return 2.0 * self.strength * weights


# Layers.


class _Units(Dense):
    units: int = Field(default=3, gt=0, description="n_next")


@found_by("parameter-derivative", "gradient of parameter 'biases' against")
class MeanOfBiases(_Units):
    """Dense, with the mean over the samples as the gradient of b."""

    kind: Literal["mean-of-biases"] = "mean-of-biases"

    def backward(self, delta, ctx):
        below, gradients = super().backward(delta, ctx)
        return below, {**gradients, "biases": gradients["biases"] / delta.shape[0]}


@found_by("derivative", "backward: gradient of x against")
class MissingTerm(Layer):
    """z = x · x̄ with the mean x̄ of the sample's entries, and half of its derivative."""

    kind: Literal["missing-term"] = "missing-term"

    def forward(self, x, ctx):
        return x * namespace(x).mean(x, axis=-1, keepdims=True)

    def backward(self, delta, ctx):
        return delta * namespace(delta).mean(ctx.x, axis=-1, keepdims=True), {}


@found_by("derivative", "backward (first layer): gradient of x against")
class WrongInFirstLayer(_Units):
    """Dense, with an error at its input that is halved in the first layer, instead of left out."""

    kind: Literal["wrong-in-first-layer"] = "wrong-in-first-layer"

    def backward(self, delta, ctx):
        gradients = super().backward(delta, ctx)[1]
        return delta @ ctx.parameters["weights"] * (0.5 if ctx.is_first else 1.0), gradients


@found_by("shape-preserved", "backward returned gradients for ['weights']; the layer's parameters are ['biases', ")
class ForgetsBiases(_Units):
    """Dense, without the gradient of b."""

    kind: Literal["forgets-biases"] = "forgets-biases"

    def backward(self, delta, ctx):
        error, gradients = super().backward(delta, ctx)
        return error, {"weights": gradients["weights"]}


@found_by("inputs-not-modified", "forward modifies its input")
class LearnsWhilePredicting(Layer):
    """x less a running mean, which predictions change too."""

    kind: Literal["learns-while-predicting"] = "learns-while-predicting"

    def initial_state(self, input_shape):
        return {"mean": np.zeros(input_shape)}

    def forward(self, x, ctx):
        ctx.state["mean"][...] += 0.1 * namespace(x).mean(x, axis=0)
        return x - ctx.state["mean"]

    def backward(self, delta, ctx):
        return delta, {}


@found_by("inputs-not-modified", "ctx.training is False")
class AssignsWhilePredicting(LearnsWhilePredicting):
    """The same, with a new array every time."""

    kind: Literal["assigns-while-predicting"] = "assigns-while-predicting"

    def forward(self, x, ctx):
        ctx.state["mean"] = ctx.state["mean"] + 0.1 * namespace(x).mean(x, axis=0)
        return x - ctx.state["mean"]


@found_by("network-gradient", "the network's gradient")
class SharesABuffer(Layer):
    """z = x W + x² V, whose two gradients share a buffer."""

    kind: Literal["shares-a-buffer"] = "shares-a-buffer"

    def parameters(self, input_shape):
        spec = ParameterSpec((3, input_shape[0]), ScaledNormal(), input_shape[0], 3, regularized=True)
        return {"weights": spec, "more": spec}

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ValueError("takes vectors")
        return (3,)

    def forward(self, x, ctx):
        return ctx.affine(x, ctx.parameters["weights"], None) + (x * x) @ ctx.parameters["more"].T

    def backward(self, delta, ctx):
        weights = ctx.weight_gradient(delta, ctx.x)
        more = ctx.weight_gradient(delta, ctx.x * ctx.x)
        below = delta @ ctx.parameters["weights"] + 2.0 * ctx.x * (delta @ ctx.parameters["more"])
        return below, {"weights": weights, "more": more}


@found_by("save-and-load", "predicts something else")
class HiddenState(Dropout):
    """x less a mean that is not saved."""

    kind: Literal["hidden-state"] = "hidden-state"
    _memory: dict[str, Any] = PrivateAttr(default_factory=dict)

    def forward(self, x, ctx):
        if ctx.training:
            self._memory["mean"] = namespace(x).mean(x)
        return x - self._memory.get("mean", 0.0)


# Rules, schedules, initializers, optimizers.


@found_by("inputs-not-modified", "modifies its input")
class MutatesState(Momentum):
    """Momentum that updates v in place."""

    kind: Literal["mutates-state"] = "mutates-state"

    def update(self, gradient, state, context):
        velocity = state["velocity"]
        velocity *= self.momentum
        velocity += gradient
        return context.learning_rate * velocity, {"velocity": velocity}


@found_by("inputs-not-modified", "modifies its input")
class MutatesTheDict(Adam):
    """Adam that counts in the state that is passed in."""

    kind: Literal["mutates-the-dict"] = "mutates-the-dict"

    def update(self, gradient, state, context):
        state["updates"] += 1
        step, after = super().update(gradient, {**state, "updates": state["updates"] - 1}, context)
        return step, after


@found_by("resumes-exactly", "should be an array or an integer, got list")
class ListState(Plain):
    """θ ← θ − η∇, with a list of all rates as its state."""

    kind: Literal["list-state"] = "list-state"

    def init(self, parameters):
        return {"rates": []}

    def update(self, gradient, state, context):
        return context.learning_rate * gradient, {"rates": [*state["rates"], context.learning_rate]}


@found_by("resumes-exactly", "step 1 after resuming is not that")
class CountsOutsideTheState(Plain):
    """θ ← θ − ηn∇ in the n-th update."""

    kind: Literal["counts-outside-the-state"] = "counts-outside-the-state"
    updates: ClassVar[list[float]] = []

    def update(self, gradient, state, context):
        self.updates.append(context.updates)
        return context.learning_rate * len(self.updates) * gradient, state


@found_by("minimizes-quadratic", "should fall to 0.01 of its start")
class Climbs(Plain):
    """θ ← θ + η∇."""

    kind: Literal["climbs"] = "climbs"

    def update(self, gradient, state, context):
        return -context.learning_rate * gradient, state


@found_by("elementwise-in-pieces", "of two pieces of θ is not that of θ as a whole")
class NormalizedInPieces(Plain):
    """θ ← θ − η∇/(1 + ‖∇‖), said to be elementwise."""

    kind: Literal["normalized-in-pieces"] = "normalized-in-pieces"

    def update(self, gradient, state, context):
        xp = namespace(gradient)
        return context.learning_rate * gradient / (1.0 + xp.sqrt(xp.sum(gradient * gradient))), state


@found_by("stateless", "in another order")
class CountsCalls(Schedule):
    """1 / n at the n-th call."""

    kind: Literal["counts-calls"] = "counts-calls"
    calls: ClassVar[list[float]] = []

    def __call__(self, at):
        self.calls.append(at.epoch)
        return 1.0 / len(self.calls)


@found_by("positive-finite-factor", "factor at epoch 31.5 of 30 should be positive and finite, got -")
class FallsBelowZero(Schedule):
    """1 − p/E."""

    kind: Literal["falls-below-zero"] = "falls-below-zero"

    def __call__(self, at):
        return 1.0 - at.epoch / max(at.epochs, 1)


@found_by("positive-finite-factor", "factor at epoch 0.0 of 1 should be a Python float, got ndarray")
class ArrayFactor(Schedule):
    """1, as an array."""

    kind: Literal["array-factor"] = "array-factor"

    def __call__(self, at):
        return np.array(1.0)


@found_by("constant-means-one", "constant = True, but")
class NotSoConstant(Exponential):
    """γ^p, which is never called."""

    kind: Literal["not-so-constant"] = "not-so-constant"
    constant: ClassVar[bool] = True


@found_by("initial-shape", "should return the shape")
class Transposed(StandardNormal):
    """N(0, 1), of the reversed shape."""

    kind: Literal["transposed"] = "transposed"

    def __call__(self, rng, shape, fan_in, fan_out):
        return rng.standard_normal(shape[::-1])


@found_by("initial-shape", "two share their memory")
class SharedArray(Initializer):
    """0, in one array for all layers of a shape."""

    kind: Literal["shared-array"] = "shared-array"
    arrays: ClassVar[dict[Any, Any]] = {}

    def __call__(self, rng, shape, fan_in, fan_out):
        return self.arrays.setdefault(shape, np.zeros(shape))


@found_by("uses-given-generator", "two generators give the same 35 different numbers")
class OwnSeed(Initializer):
    """N(0, 1), the same numbers for every layer and every run."""

    kind: Literal["own-seed"] = "own-seed"

    def __call__(self, rng, shape, fan_in, fan_out):
        return np.random.default_rng(0).standard_normal(shape)


@found_by("float64-and-finite", "should return float64, got float32")
class SinglePrecision(Zeros):
    """0, as float32."""

    kind: Literal["single-precision"] = "single-precision"

    def __call__(self, rng, shape, fan_in, fan_out):
        return np.zeros(shape, dtype=np.float32)


@found_by("update-count", "is 1, but an epoch makes")
class Miscounts(Optimizer):
    """Batches of two, counted as one update."""

    kind: Literal["miscounts"] = "miscounts"

    def sweeps(self, data, rng, state):
        return [Sweep(None, 2)]


@found_by("covers-every-sample", "out of bounds")
class CountsFromOne(MiniBatch):
    """Mini-batches of the samples 1 to n."""

    kind: Literal["counts-from-one"] = "counts-from-one"

    def sweeps(self, data, rng, state):
        return [Sweep(rng.permutation(len(data)) + 1, self.batch_size)]


@found_by("covers-every-sample", "an epoch neither made a sweep nor changed θ")
class Idle(Optimizer):
    """No updates."""

    kind: Literal["idle"] = "idle"

    def sweeps(self, data, rng, state):
        return []


@found_by("update-count", "is 1, but an epoch makes 2")
class TwoSteps(Solver):
    """Two updates by the rule, counted as one."""

    kind: Literal["two-steps"] = "two-steps"

    def solve(self, problem):
        for _ in range(2):
            problem.apply_gradient(problem.value_and_grad()[1])
            yield


@found_by(
    "refuses-with-value-error", "check(1) should begin with an option (rule, schedule, learning_rate), got: too few"
)
class UnnamedOption(Batch):
    """All samples, if there is more than one."""

    kind: Literal["unnamed-option"] = "unnamed-option"

    def check(self, samples):
        if samples == 1:
            raise ValueError("too few samples")


@found_by("refuses-with-value-error", "should raise ValueError, got RuntimeError")
class RefusesWrongly(Batch):
    """All samples, if their number is even."""

    kind: Literal["refuses-wrongly"] = "refuses-wrongly"

    def check(self, samples):
        if samples % 2:
            raise RuntimeError("the number of samples should be even")


@found_by("lowers-the-cost", "the cost should fall")
class ClimbsToo(Solver):
    """θ ← θ + 0.1 ∇, a solver."""

    kind: Literal["climbs-too"] = "climbs-too"

    def solve(self, problem):
        gradient = problem.value_and_grad()[1]
        problem.parameters[...] = problem.parameters + 0.1 * gradient


# Metrics, callbacks, datasets.


@found_by("merge-equals-whole", "in 2 pieces it is")
class MeanOfMeans(Accuracy):
    """The mean of the pieces' accuracies, whatever their lengths."""

    kind: Literal["mean-of-means"] = "mean-of-means"

    def merge(self, one, other):
        shares = [part[0] / part[1] for part in (one, other)]
        return np.array([sum(shares) / 2.0, 1.0])


@found_by("merge-order", "in another order it is")
class LastPieceOnly(MeanSquaredError):
    """Σ (a − y)² of the last piece."""

    kind: Literal["last-piece-only"] = "last-piece-only"

    def merge(self, one, other):
        return other


@found_by("perfect-is-best", "better = 'higher', but exact outputs")
class WrongWay(MeanSquaredError):
    """Σ (a − y)², where higher is called better."""

    kind: Literal["wrong-way"] = "wrong-way"
    better: ClassVar[Literal["higher", "lower"]] = "higher"


@found_by("inputs-not-modified", "merge modifies its input")
class MergesInPlace(MeanSquaredError):
    """Σ (a − y)², added up in the first piece."""

    kind: Literal["merges-in-place"] = "merges-in-place"

    def merge(self, one, other):
        one += other
        return one


@found_by("label-format", "the label should be")
class BadLabel(MeanSquaredError):
    """Σ (a − y)² with a label that contains blanks."""

    kind: Literal["bad-label"] = "bad-label"

    @property
    def label(self):
        return "Mean Squared Error"


@found_by("label-format", "'validation_error' is reserved in the history")
class ReservedLabel(MeanSquaredError):
    """Σ (a − y)², under the name of another metric of the validation samples."""

    kind: Literal["validation-error"] = "validation-error"


@found_by("merge-equals-whole", "value should return a finite Python float, got array")
class ArrayValue(MeanSquaredError):
    """Σ (a − y)², as an array."""

    kind: Literal["array-value"] = "array-value"

    def value(self, total):
        return np.array(super().value(total))


@found_by("weights-repeat-samples", "the value should be")
class IgnoresWeights(MeanSquaredError):
    """Σ (a − y)², in which all samples count the same."""

    kind: Literal["ignores-weights"] = "ignores-weights"

    def partial(self, a, y, weights):
        return super().partial(a, y, None)


@found_by("weights-repeat-samples", "with weights instead of repeated and absent samples")
class DividesByTheSamples(MeanSquaredError):
    """Σ w (a − y)², divided by the number of samples."""

    kind: Literal["divides-by-the-samples"] = "divides-by-the-samples"

    def partial(self, a, y, weights):
        total = super().partial(a, y, weights)
        return total if weights is None else np.stack([total[0], np.asarray(float(len(a)))])


@found_by("names-match", "value gives numbers for ('bias',), the names are ('spread',)")
class OtherNames(MeanSquaredError):
    """Σ (a − y)², under a name that is not announced."""

    kind: Literal["other-names"] = "other-names"

    def names(self, task):
        return ("spread",)

    def value(self, total):
        return {"bias": super().value(total)}


@found_by("refuses-with-value-error", "refuses both classes and numbers")
class TakesNoTask(MeanSquaredError):
    """Σ (a − y)², for no task."""

    kind: Literal["takes-no-task"] = "takes-no-task"

    def check(self, task):
        raise ValueError("not this task")


class Listener:
    @hookimpl
    def modnet_epoch_end(self, training, row):
        pass


_ONLY_LISTENER = Listener()


@found_by("new-listener", "returned the same one twice")
class SameListener(Callback):
    """Has one listener for all trainings."""

    kind: Literal["same-listener"] = "same-listener"

    def listener(self):
        return _ONLY_LISTENER


@found_by("new-listener", "should return an object with hook implementations, got None")
class NoListener(Callback):
    """Nothing."""

    kind: Literal["no-listener"] = "no-listener"

    def listener(self):
        return None


@found_by("known-hooks", "the listener implements no hook")
class NoHook(Callback):
    """An object without hooks."""

    kind: Literal["no-hook"] = "no-hook"

    def listener(self):
        return object()


class Misspelt:
    @hookimpl
    def modnet_epoch_ends(self, training):
        pass


@found_by("known-hooks", "unknown hook 'modnet_epoch_ends'")
class UnknownHook(Callback):
    """Implements a hook that does not exist."""

    kind: Literal["unknown-hook"] = "unknown-hook"

    def listener(self):
        return Misspelt()


class Unmarked:
    def modnet_epoch_end(self, training, row):
        pass


@found_by("known-hooks", "modnet_epoch_end is not marked")
class UnmarkedHook(Callback):
    """Implements a hook without marking it."""

    kind: Literal["unmarked-hook"] = "unmarked-hook"

    def listener(self):
        return Unmarked()


class Meddler:
    @hookimpl
    def modnet_epoch_end(self, training, row):
        training.parameters[...] *= 0.5


@found_by("training-unaffected", "should end with the same θ")
class Meddles(Callback):
    """Halves θ after every epoch."""

    kind: Literal["meddles"] = "meddles"

    def listener(self):
        return Meddler()


@found_by("returns-data", "should return a modnet.Data, got tuple")
class Tuples(Dataset):
    """x and y as a tuple."""

    kind: Literal["tuples"] = "tuples"

    def load(self):
        return np.eye(2), np.array([0, 1])


@found_by("returns-data", "is nan")
class HoldsNan(Dataset):
    """x with a NaN."""

    kind: Literal["holds-nan"] = "holds-nan"

    def load(self):
        return Data((np.array([[1.0], [np.nan]]), np.array([0, 1])))


@found_by("returns-data", "x has the shape (2, 2), but the feature names are ('height',)")
class MissingName(Dataset):
    """Two features, of which one has a name."""

    kind: Literal["missing-name"] = "missing-name"

    def load(self):
        return Data((np.eye(2), np.array([0, 1])), features=("height",))


@found_by("deterministic", "train.x is not the same")
class OtherEveryTime(Dataset):
    """x that is sampled anew whenever it is loaded."""

    kind: Literal["other-every-time"] = "other-every-time"

    def load(self):
        return Data((np.random.default_rng().standard_normal((4, 2)), np.array([0, 1, 0, 1])))


# Components without a fault, which are unusual enough for a note.


class NumpyOnly(Tanh):
    """tanh z, for NumPy arrays only."""

    kind: Literal["numpy-only"] = "numpy-only"

    def __call__(self, z):
        return np.tanh(z, dtype=z.dtype) if isinstance(z, np.ndarray) else _refuse()


class WarmUp(Constant):
    """½ for the first epoch, and 1 from then on."""

    kind: Literal["warm-up"] = "warm-up"
    constant: ClassVar[bool] = False

    def __call__(self, at):
        return 0.5 if at.epoch < 1 else 1.0


class Drifts(Plain):
    """θ ← θ − η(∇ + 10⁻⁹)."""

    kind: Literal["drifts"] = "drifts"

    def update(self, gradient, state, context):
        return context.learning_rate * (gradient + 1e-9), state


class WithReplacement(MiniBatch):
    """Mini-batches that are drawn with replacement."""

    kind: Literal["with-replacement"] = "with-replacement"

    def sweeps(self, data, rng, state):
        return [Sweep(rng.integers(0, len(data), len(data)), self.batch_size)]


def _refuse():
    raise TypeError("only NumPy arrays")


NOTES = [
    (NumpyOnly, "array-api"),
    (WarmUp, "starts-at-one"),
    (Drifts, "zero-gradient-zero-step"),
    (WithReplacement, "covers-every-sample"),
]
