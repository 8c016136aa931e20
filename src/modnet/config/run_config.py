"""The configuration of a run, as one validated model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from modnet.core.component import Auto, Component, Model, Slot, default_part
from modnet.core.interfaces import Callback, Cost, Dataset, Engine, Layer, Metric, Optimizer, Regularizer
from modnet.core.interfaces.callback import first_repeated

__all__ = ["NetworkConfig", "RunConfig", "iter_components"]


class NetworkConfig(Model):
    """The layers of the network, and what its training minimizes."""

    layers: tuple[Annotated[Layer, Slot()], ...] = Field(
        default=(30, 10),
        validate_default=True,
        min_length=1,
        description="the layers above the input, from the first hidden layer to the output; an integer is a dense "
        "sigmoid layer with that many units. The number of inputs follows from the data",
    )
    cost: Annotated[Cost, Slot()] = default_part("quadratic", "C, what is minimized")
    regularizers: tuple[Annotated[Regularizer, Slot()], ...] = Field(
        default=(), description="penalties on the weights, added to the cost"
    )


MOST_EPOCHS = 2**53
"""Every smaller integer is a float too, which schedules compute with."""


class RunConfig(Model):
    """One training. The defaults are the network of the teaching document, on the digits."""

    seed: int = Field(default=0, ge=0, description="the seed of all randomness")
    epochs: int = Field(
        default=30, ge=0, le=MOST_EPOCHS, description="passes over the training samples; 0 only initializes"
    )
    dtype: Literal["float64", "float32"] = Field(default="float64", description="the floating-point type")
    engine: Annotated[Engine, Slot()] = default_part("numpy", "what computes gradients and makes updates")
    data: Annotated[Dataset, Slot()] = default_part("digits", "where the samples come from")
    network: NetworkConfig = Field(default_factory=NetworkConfig, description="layers, cost and penalties")
    optimizer: Annotated[Optimizer, Slot()] = default_part(
        "mini-batch", "which samples feed one update, and at what rate"
    )
    terminate_on_nan: bool = Field(
        default=True,
        description="whether a cost or metric that is not finite (NaN or infinity) ends the training with an error; "
        "with `false` only parameters that are not finite do",
    )
    cost_with_penalty: bool = Field(
        default=False,
        description="whether the history has `cost_with_penalty`, too: the mean of cost and penalties over the updates "
        "of an epoch. The penalties take some time at every update",
    )
    metrics: Annotated[tuple[Annotated[Metric, Slot()], ...] | None, Auto("a list")] = Field(
        default=None,
        json_schema_extra=Auto.schema,
        description='metrics beside the cost; `"auto"` is accuracy for classes, accuracy and binary-accuracy '
        "for several labels, and r2 for other targets",
    )
    callbacks: tuple[Annotated[Callback, Slot()], ...] = Field(
        default=(), description="what is called during the training, in this order"
    )

    @field_validator("callbacks")
    @classmethod
    def _check_repeated(cls, value: tuple[Callback, ...]) -> tuple[Callback, ...]:
        repeated = first_repeated(value)
        if repeated is not None:
            index, problem = repeated
            error = PydanticCustomError("repeated", "{problem}", {"problem": problem})
            details = InitErrorDetails(type=error, loc=(index,), input=value[index])
            raise ValidationError.from_exception_data(cls.__name__, [details])
        return value

    def to_config(self) -> dict[str, Any]:
        """Return the configuration as the table of a TOML file, with every default filled in."""
        table: dict[str, Any] = _with_lists(self.model_dump())
        return table

    def alone(self) -> Self:
        """Return it with an engine that trains in this process by itself, for work that makes many trainings."""
        engine = self.engine.alone()
        return self if engine is self.engine else self.model_copy(update={"engine": engine})

    def to_toml(self) -> str:
        """Return the configuration as TOML, with every default filled in."""
        import tomli_w

        return tomli_w.dumps(self.to_config())


def iter_components(value: Any, path: str = "") -> Iterator[tuple[str, Component]]:
    """Yield key path and value of every component in a configuration, each before the components in its options."""
    if isinstance(value, Component):
        yield path, value
    if isinstance(value, Model):
        for name in type(value).model_fields:
            yield from iter_components(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, tuple | dict):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from iter_components(item, f"{path}.{key}")


def _with_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_lists(item) for key, item in value.items() if item is not None}
    return [_with_lists(item) for item in value] if isinstance(value, list | tuple) else value
