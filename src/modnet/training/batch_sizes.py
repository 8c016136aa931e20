"""Before training: whether every layer can be trained with every number of samples that feeds an update."""

from __future__ import annotations

from collections.abc import Iterator

from modnet.core.errors import ConfigError
from modnet.core.interfaces import Layer, Optimizer, Solver
from modnet.core.random import Stream, generator
from modnet.data.prepared import Samples
from modnet.network.network import Network

__all__ = ["check_batch_sizes"]


def check_batch_sizes(network: Network, optimizer: Optimizer, samples: Samples, seed: int) -> None:
    """Ask the layers that refuse some numbers of samples about those of the updates of one epoch.

    Raises:
        ConfigError: naming the layer, the number of samples and what is allowed.
    """
    asked = [
        (index, bound.component, layer)
        for index, bound in enumerate(network.layers)
        for layer in _trained(bound.component, bound.input_shape)
        if type(layer).check_batch is not Layer.check_batch
    ]
    if not asked:
        return
    for rows, advice in _batch_sizes(optimizer, samples, seed):
        for index, component, layer in asked:
            try:
                layer.check_batch(rows)
            except ValueError as error:
                kind = component.kind if layer is component else f"{layer.kind} in {component.kind}"
                where = f"network.layers.{index}: layer {index + 1} ({kind})"
                raise ConfigError(f"{where} {error}; {advice}") from None


def _trained(layer: Layer, input_shape: tuple[int, ...]) -> Iterator[Layer]:
    """Yield a layer and those within it, without the frozen ones."""
    if layer.trainable:
        yield layer
        for child, shape in layer.children(input_shape):
            yield from _trained(child, shape)


def _batch_sizes(optimizer: Optimizer, samples: Samples, seed: int) -> Iterator[tuple[int, str]]:
    """Yield the numbers of samples that feed an update, each with what would change it."""
    if isinstance(optimizer, Solver):
        yield len(samples), f"the optimizer '{optimizer.kind}' takes all samples; allowed: more of them"
        return
    for order, size in optimizer.sweeps(samples, generator(seed, Stream.ORDER), {}):
        total = len(samples) if order is None else len(order)
        if total >= size:
            yield size, f"the optimizer '{optimizer.kind}' takes {size} for an update; allowed: larger batches"
        if total % size:
            drop = "drop_last = true, or " if "drop_last" in type(optimizer).model_fields else ""
            short = f"the last batch of the optimizer '{optimizer.kind}' has {total % size} of the {total} samples"
            yield total % size, f"{short}; allowed: {drop}another batch size than {size}"
