"""The configuration of a run, as one validated model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import Field, ValidationInfo, field_serializer, field_validator

from modnet.core import registry
from modnet.core.component import Component, Model, Slot, default_part
from modnet.core.interfaces import Callback, Cost, Dataset, Layer, Metric, Optimizer, Regularizer

__all__ = ["NetworkConfig", "RunConfig", "iter_components"]


class NetworkConfig(Model):
    """What the network is made of and what its training minimises."""

    layers: tuple[Annotated[Layer, Slot()], ...] = Field(
        default=(30, 10),
        validate_default=True,
        strict=False,
        min_length=1,
        description="the layers above the input, from the first hidden layer to the output; an integer is a dense "
        "sigmoid layer of so many units. How many inputs there are is seen from the data",
    )
    cost: Annotated[Cost, Slot()] = default_part("quadratic", "C, what is minimised")
    regularizers: tuple[Annotated[Regularizer, Slot()], ...] = Field(
        default=(), strict=False, description="penalties on the weights, added to the cost"
    )


def _or_auto(schema: dict[str, Any]) -> None:
    """Say in a field's JSON Schema that it is ``"auto"`` by default."""
    schema |= {"anyOf": [*schema["anyOf"], {"const": "auto"}], "default": "auto"}


class RunConfig(Model):
    """One training, whole. With nothing configured it is the network of the teaching document on the digits."""

    seed: int = Field(default=0, ge=0, description="where all randomness comes from")
    epochs: int = Field(default=30, ge=0, description="passes over the training samples; 0 only makes the network")
    dtype: Literal["float64", "float32"] = Field(default="float64", description="the numbers that are computed with")
    threads: int | None = Field(
        default=None,
        ge=1,
        json_schema_extra=_or_auto,
        description='threads that share the samples of one update; `"auto"` is one for each core where an update is '
        "large enough, else one. The numbers depend on it in their last bits",
    )
    data: Annotated[Dataset, Slot()] = default_part("digits", "where the samples come from")
    network: NetworkConfig = Field(default_factory=NetworkConfig, description="what the network is made of")
    optimizer: Annotated[Optimizer, Slot()] = default_part(
        "mini-batch", "which samples feed one update, and at what rate"
    )
    metrics: tuple[Annotated[Metric, Slot()], ...] | None = Field(
        default=None,
        strict=False,
        json_schema_extra=_or_auto,
        description='figures of merit beside the cost; `"auto"` is accuracy for classes and r2 for other targets',
    )
    callbacks: tuple[Annotated[Callback, Slot()], ...] = Field(
        default=(), strict=False, description="what is called during the training, in this order"
    )

    @field_validator("metrics", "threads", mode="before")
    @classmethod
    def _read_auto(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str) and value != "auto":
            other = "an integer from 1" if info.field_name == "threads" else "a list"
            raise ValueError(f'{registry.describe(value)} should be {other} or "auto"')
        return None if isinstance(value, str) else value

    @field_serializer("metrics")
    def _write_auto(self, value: tuple[Metric, ...] | None) -> Any:
        return "auto" if value is None else [metric.to_config() for metric in value]

    @field_serializer("threads")
    def _write_auto_threads(self, value: int | None) -> int | str:
        return "auto" if value is None else value

    def to_config(self) -> dict[str, Any]:
        """Return the configuration as a TOML file says it, with every default filled in."""
        plain: dict[str, Any] = _listed(self.model_dump())
        return plain

    def to_toml(self) -> str:
        """Return the configuration as TOML, with every default filled in."""
        return tomli_w.dumps(self.to_config())


def iter_components(value: Any, path: str = "") -> Iterator[tuple[str, Component]]:
    """Yield the key path and value of every component in a configuration; a component comes before those in its options."""
    if isinstance(value, Component):
        yield path, value
    if isinstance(value, Model):
        for name in type(value).model_fields:
            yield from iter_components(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from iter_components(item, f"{path}.{index}")


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items() if item is not None}
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value
