"""The families: the base class of every sort of component, and the types of its methods' arguments.

Components are pure functions of arrays: they return new arrays, do not write to their arguments, and keep no state
between calls. Arrays are samples × units; a cost and its gradient are *per sample*, and the mean over the samples of
an update is taken by the engine. Letters: z net input, a activation, y target, C cost, W weights,
b biases, δ = ∂C/∂z, η learning rate, θ all parameters.
"""

from modnet.core.component import Component
from modnet.core.interfaces.callback import Callback, TrainingView
from modnet.core.interfaces.dataset import Dataset
from modnet.core.interfaces.engine import Block, BlockLimits, Engine, EngineSession, TrainingPlan, TrainState
from modnet.core.interfaces.functions import Activation, Cost, Initializer, Regularizer
from modnet.core.interfaces.layer import InnerLayer, Layer, LayerContext, ParameterSpec, Random
from modnet.core.interfaces.metric import Metric, Task
from modnet.core.interfaces.optimizer import (
    Optimizer,
    ParameterSlice,
    Position,
    Problem,
    Schedule,
    Solver,
    Sweep,
    TrainingData,
    UpdateContext,
    UpdateRule,
)
from modnet.core.interfaces.processes import ProcessGroup
from modnet.core.interfaces.transform import (
    CellError,
    ColumnBlocks,
    ColumnChoice,
    Transform,
    TransformState,
    columns_field,
    is_missing,
)

__all__ = [
    "FAMILIES",
    "Activation",
    "Block",
    "BlockLimits",
    "Callback",
    "CellError",
    "ColumnBlocks",
    "ColumnChoice",
    "Cost",
    "Dataset",
    "Engine",
    "EngineSession",
    "Initializer",
    "InnerLayer",
    "Layer",
    "LayerContext",
    "Metric",
    "Optimizer",
    "ParameterSlice",
    "ParameterSpec",
    "Position",
    "Problem",
    "ProcessGroup",
    "Random",
    "Regularizer",
    "Schedule",
    "Solver",
    "Sweep",
    "Task",
    "TrainState",
    "TrainingData",
    "TrainingPlan",
    "TrainingView",
    "Transform",
    "TransformState",
    "UpdateContext",
    "UpdateRule",
    "columns_field",
    "is_missing",
]

_BASES: tuple[type[Component], ...] = (
    Activation, Cost, Layer, Initializer, Optimizer, UpdateRule, Schedule, Regularizer, Metric, Callback, Dataset,
    Transform, Engine,
)  # fmt: skip
FAMILIES: dict[str, type[Component]] = {base.family: base for base in _BASES}
