"""The parts that a new plug-in begins with: one right and complete example of every family.

CLASS and KIND stand for the names of the part.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["STARTERS", "Starter"]


@dataclass(frozen=True)
class Starter:
    """One example.

    Attributes:
        base: The base class of the family, among modnet's public names.
        imports: What the module imports, from where.
        body: The class.
        use: The TOML that names the part.
    """

    base: str
    imports: str
    body: str
    use: str


_TYPICAL = """from typing import Literal

import modnet
from pydantic import Field
"""

STARTERS = {
    "activation": Starter(
        "Activation",
        _TYPICAL,
        '''class CLASS(modnet.Activation):
    """a = s · tanh z, with σ′ = s (1 − tanh² z)."""

    kind: Literal["KIND"] = "KIND"
    scale: float = Field(default=1.0, gt=0, le=1000, description="s, the largest output")

    def __call__(self, z):
        """Return s · tanh z."""
        return self.scale * modnet.namespace(z).tanh(z)

    def backward(self, upstream, z, a):
        """Return upstream · s (1 − tanh² z)."""
        t = modnet.namespace(z).tanh(z)
        return upstream * (self.scale * (1.0 - t * t))
''',
        '[network]\nlayers = [{ kind = "dense", units = 30, activation = "KIND" }, 10]',
    ),
    "cost": Starter(
        "Cost",
        "import math\n" + _TYPICAL,
        '''class CLASS(modnet.Cost):
    """C = w Σ ln cosh(a − y), with ∂C/∂a = w tanh(a − y), in a form that does not overflow."""

    kind: Literal["KIND"] = "KIND"
    weight: float = Field(default=1.0, gt=0, le=1000, description="w, what the cost is multiplied by")

    def __call__(self, a, y):
        """Return each sample's cost: ln cosh e = |e| + ln(1 + e^(−2|e|)) − ln 2."""
        xp = modnet.namespace(a)
        size = xp.abs(a - y)
        return xp.sum(self.weight * (size + xp.log1p(xp.exp(-2.0 * size)) - math.log(2.0)), axis=-1)

    def gradient(self, a, y):
        """Return w tanh(a − y)."""
        return self.weight * modnet.namespace(a).tanh(a - y)
''',
        '[network]\ncost = "KIND"',
    ),
    "layer": Starter(
        "Layer",
        "from typing import Annotated, Literal\n\nimport modnet\n",
        '''class CLASS(modnet.Layer):
    """z = (1 + g) x: every input has a gain of its own. Backwards: ∂C/∂x = (1 + g) δ and ∇g = Σ δ x."""

    kind: Literal["KIND"] = "KIND"
    initializer: Annotated[modnet.Initializer, modnet.Slot()] = modnet.default_part("zeros", "what the gains g start with")

    def parameters(self, input_shape):
        """Return g, one for each input."""
        return {"gains": modnet.ParameterSpec(input_shape, self.initializer, 1, 1)}

    def forward(self, x, ctx):
        """Return (1 + g) x."""
        return x * (1.0 + ctx.parameters["gains"])

    def backward(self, delta, ctx):
        """Return (1 + g) δ, and Σ δ x."""
        gains = modnet.namespace(delta).sum(delta * ctx.x, axis=0)
        return delta * (1.0 + ctx.parameters["gains"]), {"gains": gains}
''',
        '[network]\nlayers = [30, "KIND", 10]',
    ),
    "initializer": Starter(
        "Initializer",
        _TYPICAL,
        '''class CLASS(modnet.Initializer):
    """Even between −r and r."""

    kind: Literal["KIND"] = "KIND"
    radius: float = Field(default=0.5, gt=0, le=1000, description="r, the largest size")

    def __call__(self, rng, shape, fan_in, fan_out):
        """Return an array of this shape, drawn from ``rng``."""
        return rng.uniform(-self.radius, self.radius, shape)
''',
        '[network]\nlayers = [{ kind = "dense", units = 30, initializer = "KIND" }, 10]',
    ),
    "optimizer": Starter(
        "Optimizer",
        _TYPICAL,
        '''class CLASS(modnet.Optimizer):
    """A few samples feed one update, in the order in which they lie."""

    kind: Literal["KIND"] = "KIND"
    batch_size: int = Field(default=10, gt=0, description="how many samples feed one update")

    def updates(self, samples):
        """Return the number of batches."""
        return -(-samples // self.batch_size)

    def check(self, samples):
        """Refuse a batch that is larger than the data."""
        if self.batch_size > samples:
            raise ValueError(f"batch_size: {self.batch_size} is too large; allowed: 1 to {samples}, the samples")

    def epoch(self, problem):
        """Make one update for every batch."""
        problem.run_sweep(None, self.batch_size)
''',
        '[optimizer]\nkind = "KIND"',
    ),
    "rule": Starter(
        "UpdateRule",
        _TYPICAL,
        '''class CLASS(modnet.UpdateRule):
    """v ← μv + (1 − μ)∇ and θ ← θ − ηv."""

    kind: Literal["KIND"] = "KIND"
    usual_rate = 3.0
    memory: float = Field(default=0.5, ge=0, lt=1, description="μ, how slowly v forgets")

    def init(self, parameters):
        """Return v = 0."""
        return {"average": modnet.namespace(parameters).zeros_like(parameters)}

    def update(self, gradient, state, rate):
        """Return ηv with the new v."""
        average = self.memory * state["average"] + (1.0 - self.memory) * gradient
        return rate * average, {"average": average}
''',
        '[optimizer]\nrule = "KIND"',
    ),
    "schedule": Starter(
        "Schedule",
        _TYPICAL,
        '''class CLASS(modnet.Schedule):
    """max(m, 1 − p/E): in a straight line from 1 at the start to m at the end."""

    kind: Literal["KIND"] = "KIND"
    minimum: float = Field(default=0.1, ge=0, le=1, description="m, the least factor")

    def __call__(self, position, epochs):
        """Return the factor on the line."""
        return max(self.minimum, 1.0 - position / epochs) if epochs > 0 else 1.0
''',
        '[optimizer]\nschedule = "KIND"',
    ),
    "regularizer": Starter(
        "Regularizer",
        "import math\n" + _TYPICAL,
        '''class CLASS(modnet.Regularizer):
    """R = λ Σ ln cosh w, with ∂R/∂w = λ tanh w, in a form that does not overflow."""

    kind: Literal["KIND"] = "KIND"
    strength: float = Field(default=0.001, ge=0, le=1000, description="λ")

    def __call__(self, weights):
        """Return R: ln cosh w = |w| + ln(1 + e^(−2|w|)) − ln 2."""
        xp = modnet.namespace(weights)
        size = xp.abs(weights)
        return self.strength * xp.sum(size + xp.log1p(xp.exp(-2.0 * size)) - math.log(2.0))

    def gradient(self, weights):
        """Return λ tanh w."""
        return self.strength * modnet.namespace(weights).tanh(weights)
''',
        '[network]\nregularizers = ["KIND"]',
    ),
    "metric": Starter(
        "Metric",
        "from typing import Literal\n\nimport modnet\n",
        '''class CLASS(modnet.Metric):
    """Σ |a − y| / (samples · outputs)."""

    kind: Literal["KIND"] = "KIND"
    better = "lower"

    def partial(self, a, y):
        """Return the sum of sizes, and how many they are."""
        xp = modnet.namespace(a)
        sizes = xp.abs(xp.astype(a, xp.float64) - xp.astype(y, xp.float64))
        return xp.stack([xp.sum(sizes), xp.sum(xp.ones_like(sizes))])

    def value(self, total):
        """Return the mean."""
        return float(total[0] / total[1])
''',
        'metrics = ["accuracy", "KIND"]',
    ),
    "callback": Starter(
        "Callback",
        _TYPICAL,
        '''class CLASS(modnet.Callback):
    """Stops as soon as the cost of the training samples has fallen to ``target``."""

    kind: Literal["KIND"] = "KIND"
    target: float = Field(default=0.01, ge=0, description="the cost that is good enough")

    def listener(self):
        """Return a new listener: what it remembers is of one training alone."""
        return Listener(self.target)


class Listener:
    """Hears of a training's events; each method is an event that is listened to."""

    def __init__(self, target):
        self.target = target
        self.reached = False

    @modnet.hookimpl
    def modnet_epoch_end(self, training, row):
        """Look at the epoch's row of the history."""
        self.reached = row["cost"] <= self.target

    @modnet.hookimpl
    def modnet_should_stop(self, training):
        """Return the reason to stop, or None to go on."""
        return f"the cost has fallen to {self.target}" if self.reached else None
''',
        'callbacks = ["KIND"]',
    ),
    "dataset": Starter(
        "Dataset",
        _TYPICAL.replace("import modnet\n", "import modnet\nimport numpy as np\n"),
        '''class CLASS(modnet.Dataset):
    """TrajectoryPoints of a plane in two classes: in opposite quarters, or in neighbouring ones (exclusive or)."""

    kind: Literal["KIND"] = "KIND"
    samples: int = Field(default=200, ge=4, le=1_000_000, description="how many points there are")

    def load(self):
        """Return the points, always the same; every fifth one tests."""
        rng = np.random.default_rng(0)
        x = rng.uniform(-1.0, 1.0, (self.samples, 2))
        y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
        tests = np.arange(self.samples) % 5 == 0
        return modnet.Data(train=(x[~tests], y[~tests]), test=(x[tests], y[tests]))
''',
        '[data]\nkind = "KIND"\n\n[network]\nlayers = [8, 2]',
    ),
}
"""Family → its example."""
