"""The probabilities of classes and labels, where the outputs of a network are such."""

from __future__ import annotations

from modnet.core.arrays import namespace
from modnet.network.network import Network, Vector

__all__ = ["to_probabilities"]


def to_probabilities(network: Network, outputs: Vector) -> Vector | None:
    """Return the probability of each class, or of each label, (samples, classes), or None where outputs are none.

    The last layer's activation decides, not the numbers: outputs are the probabilities of classes where they sum to 1
    (softmax), one output in [0, 1] is that of the second of two classes (sigmoid), and outputs in [0, 1] are the
    probabilities of labels, of which each applies or not.
    """
    activation = network.layers[-1].activation
    output_range: str = "real" if activation is None else activation.output_range
    are_predictions = network.cost.predictions(outputs) is outputs
    if output_range == "real" or not are_predictions:
        return None
    if network.multi_label:
        return outputs
    if network.classes is None or len(network.classes) != max(2, network.outputs):
        return None
    if network.outputs == 1:
        if output_range != "unit":
            return None
        both: Vector = namespace(outputs).concat([1.0 - outputs, outputs], axis=1)
        return both
    return outputs if output_range == "simplex" else None
