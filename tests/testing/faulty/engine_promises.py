"""Engines that break a promise to the training loop: the NumPy engine, but for one thing that one check must find."""

from __future__ import annotations

import pickle
import threading
from dataclasses import replace
from itertools import islice
from typing import Literal

import numpy as np
from testing.faulty.engines import Faulty, Working
from testing.faulty.record import found_by

from modnet import Block
from modnet.core.random import Stream, generator


def is_random(network):
    return any(layer.component.kind == "dropout" for layer in network.layers)


@found_by("repeats-exactly", "batch-norm and dropout, trained again: 'parameters' is not the same")
class Fresh(Faulty):
    """Its randomness has no seed."""

    kind: Literal["fresh"] = "fresh"

    class Session(Working):
        def __init__(self, plan):
            super().__init__(plan)
            if is_random(plan.network):
                self.workers.rngs[0].bit_generator.state = np.random.default_rng().bit_generator.state


@found_by("blocks-cut-anywhere", "batch-norm and dropout: two blocks instead of one: 'parameters' is not the same")
class SeedsBlocks(Faulty):
    """Its randomness begins anew with every block, with a seed of the number of updates."""

    kind: Literal["seeds-blocks"] = "seeds-blocks"

    class Session(Working):
        def run(self, block, on_outputs, on_update=None):
            if is_random(self.network):
                self.workers.rngs[0].bit_generator.state = generator(self.updates, Stream.LAYERS).bit_generator.state
            return super().run(block, on_outputs, on_update)


@found_by("state-is-a-copy", "a state after later updates: 'layer states.1.mean' is not the same")
class LiveStates(Faulty):
    """The layers' states are returned as they are, and change with the next update."""

    kind: Literal["live-states"] = "live-states"

    class Session(Working):
        def state(self):
            return replace(super().state(), layer_states=[layer.state for layer in self.network.layers])


@found_by("resumes-anywhere", "raised ModelFileError")
class Pickles(Faulty):
    """The state of its randomness is none that a checkpoint can hold."""

    kind: Literal["pickles"] = "pickles"

    class Session(Working):
        def state(self):
            state = super().state()
            return replace(state, randomness=[{"pickle": pickle.dumps(state.randomness)}])

        def restore(self, state):
            randomness = pickle.loads(state.randomness[0]["pickle"])  # noqa: S301 -- a fault
            super().restore(replace(state, randomness=randomness))


@found_by("data-stays", "samples are written to: ")
class ScalesInPlace(Faulty):
    """It brings the samples into its own form, in place."""

    kind: Literal["scales-in-place"] = "scales-in-place"

    class Session(Working):
        def run(self, block, on_outputs, on_update=None):
            if isinstance(self.plan.samples.x, np.ndarray):
                self.plan.samples.x[block.rows] *= 1.0
            return super().run(block, on_outputs, on_update)


@found_by("predictions-disturb-nothing", "batch-norm and dropout, with predictions: ")
class DrawsForPredictions(Faulty):
    """Predictions draw from the randomness of the training."""

    kind: Literal["draws-for-predictions"] = "draws-for-predictions"

    class Session(Working):
        def __init__(self, plan):
            super().__init__(plan)
            forward = plan.network.forward

            def draw(a):
                self.workers.rngs[0].random()
                return forward(a)

            plan.network.forward = draw


@found_by("outputs-of-rows", "dropout: the array of outputs of 40 rows is not that of the NumPy engine")
class DropsInPredictions(Faulty):
    """Predictions are made as a training makes them, where a layer is random."""

    kind: Literal["drops-in-predictions"] = "drops-in-predictions"

    class Session(Working):
        def outputs(self, x):
            for a in super().outputs(x):
                yield a * 0.7 if is_random(self.network) else a


@found_by("outputs-of-rows", "dropout: the array of outputs of 2,049 rows is not that of the NumPy engine: ")
class OnePiece(Faulty):
    """Only the first piece of many rows is predicted."""

    kind: Literal["one-piece"] = "one-piece"

    class Session(Working):
        def outputs(self, x):
            return islice(super().outputs(x), 1)


@found_by("outputs-as-seen", "weights: weights of a block, in order, is not that of the NumPy engine")
class NoWeights(Faulty):
    """Outputs are handed on without the weights of their samples."""

    kind: Literal["no-weights"] = "no-weights"

    class Session(Working):
        def run(self, block, on_outputs, on_update=None):
            return super().run(block, lambda a, y, _: on_outputs(a, y, None), on_update)


@found_by("listens-to-every-update", "what a listener sees after update 2: 'state.updates' is not the same")
class CountsBlocks(Faulty):
    """Within a block, its state says how many updates there were when the block began."""

    kind: Literal["counts-blocks"] = "counts-blocks"

    class Session(Working):
        began = None

        def run(self, block, on_outputs, on_update=None):
            self.began = self.updates + 1
            try:
                return super().run(block, on_outputs, on_update)
            finally:
                self.began = None

        def state(self):
            state = super().state()
            return state if self.began is None else replace(state, updates=self.began)


@found_by("rates-replaced", "rates set one by one: 'parameters' is not the same")
class ReadsRatesFirst(Faulty):
    """The rates of a block are read when it begins."""

    kind: Literal["reads-rates-first"] = "reads-rates-first"

    class Session(Working):
        def run(self, block, on_outputs, on_update=None):
            return super().run(
                Block(block.rows, block.batch_size, [*block.rates], block.momenta), on_outputs, on_update
            )


@found_by("parameters-written", "θ is written to after an update: 'parameters' is not the same")
class KeepsTheta(Faulty):
    """It has θ of its own, which is copied to the network after every block, and never back."""

    kind: Literal["keeps-theta"] = "keeps-theta"

    class Session(Working):
        theta = None

        def run(self, block, on_outputs, on_update=None):
            if self.theta is not None:
                self.network.parameters[...] = self.theta
            finite = super().run(block, on_outputs, on_update)
            self.theta = self.network.parameters.copy()
            return finite

        def restore(self, state):
            self.theta = None
            super().restore(state)

        def apply_gradient(self, gradient, rate, momentum=None):
            self.theta = None
            super().apply_gradient(gradient, rate, momentum)


@found_by("figures-of-updates", "l2: last_cost of each update is not that of the NumPy engine")
class CostWithPenalty(Faulty):
    """The cost of the last update contains its penalties."""

    kind: Literal["cost-with-penalty"] = "cost-with-penalty"

    class Session(Working):
        def last_cost(self):
            return super().last_cost() + self.network.penalty(8.0)


@found_by("sums-of-penalties", "take_penalties, asked again, should be 0, got ")
class NeverForgets(Faulty):
    """The sum of the penalties goes on when it was asked for."""

    kind: Literal["never-forgets"] = "never-forgets"

    class Session(Working):
        def take_penalties(self):
            return self.workers.penalty_sum


@found_by(
    "divergence-is-found", "parameters that become infinite: divergence should be found in epoch 1, update 2, layer 1"
)
class LooksAtCosts(Faulty):
    """Only costs are looked at, not θ and the rule's state."""

    kind: Literal["looks-at-costs"] = "looks-at-costs"

    class Session(Working):
        def _is_finite(self):
            return True


@found_by(
    "value-and-gradient",
    "a frozen layer in a chain: value_and_grad of samples (all): the cost is not that of the NumPy engine",
)
class CostWithoutPenalty(Faulty):
    """The cost that solvers are given has no penalties."""

    kind: Literal["cost-without-penalty"] = "cost-without-penalty"

    class Session(Working):
        def value_and_grad(self, rows=None):
            _, gradient = super().value_and_grad(rows)
            return self.last_cost(), gradient


@found_by("asked-twice", "the state after value_and_grad: 'randomness.0.state.state' is not the same")
class Draws(Faulty):
    """Every gradient that solvers ask for has other masks."""

    kind: Literal["draws"] = "draws"

    class Session(Working):
        def value_and_grad(self, rows=None):
            result = super().value_and_grad(rows)
            self.workers.rngs[0].bit_generator.state = self._after_gradient[1][0]
            return result


@found_by("gradient-is-applied", "dropout: the mask is the same after an update")
class SameMask(Faulty):
    """Updates that solvers make do not advance randomness."""

    kind: Literal["same-mask"] = "same-mask"

    class Session(Working):
        def apply_gradient(self, gradient, rate, momentum=None):
            states, _ = self._after_gradient
            self._after_gradient = states, self._layers_state()[1]
            super().apply_gradient(gradient, rate, momentum)


@found_by("closes", "raised RuntimeError: a block is not finished")
class Unfinished(Faulty):
    """It cannot be closed after an error."""

    kind: Literal["unfinished"] = "unfinished"

    class Session(Working):
        in_block = False

        def run(self, block, on_outputs, on_update=None):
            self.in_block = True
            finite = super().run(block, on_outputs, on_update)
            self.in_block = False
            return finite

        def close(self):
            super().close()
            if self.in_block:
                raise RuntimeError("a block is not finished")


@found_by("closes", "close leaves threads behind: forgotten")
class Forgotten(Faulty):
    """A thread goes on after it is closed."""

    kind: Literal["forgotten"] = "forgotten"

    class Session(Working):
        def __init__(self, plan):
            super().__init__(plan)
            threading.Thread(target=THE_END.wait, name="forgotten", daemon=True).start()


@found_by("stable-fingerprint", "the fingerprint's 'version' should be a text or a number, got np.float64(1.5)")
class NotPlain(Faulty):
    """Its fingerprint has a number of NumPy's."""

    kind: Literal["not-plain"] = "not-plain"

    class Session(Working):
        def __init__(self, plan):
            super().__init__(plan)
            self.fingerprint["version"] = np.float64(1.5)


THE_END = threading.Event()
"""Set when the forgotten threads may end."""
