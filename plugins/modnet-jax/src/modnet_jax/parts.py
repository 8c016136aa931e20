"""The parts of a training that its programs call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modnet import Cost, Regularizer, TrainingPlan, UpdateRule
from modnet.engines.compiled.functions import LayerParts

__all__ = ["Parts"]


@dataclass
class Parts:
    """Layers, cost, regularizers and rule."""

    layers: Sequence[LayerParts]
    cost: Cost
    regularizers: Sequence[Regularizer]
    rule: UpdateRule

    @classmethod
    def of(cls, plan: TrainingPlan) -> Any:
        """Return those of a training."""
        network = plan.network
        layers = [LayerParts(layer.component, layer.activation) for layer in network.layers]
        return cls(layers, network.cost, network.regularizers, plan.config.optimizer.rule)
