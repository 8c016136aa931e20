"""Programs that several processes run together: each goes through its rows of a batch, and gradients are summed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding

from modnet import LayerContext, TrainingPlan
from modnet.engines.compiled.functions import Arrays, LayerParts
from modnet.engines.compiled.parts import Parts
from modnet.engines.compiled.share import Share
from modnet_jax.cache import ProgramCache
from modnet_jax.compiled import JaxPrograms
from modnet_jax.device import Device
from modnet_jax.group import AXIS, EQUAL, SHARED, JaxGroup
from modnet_jax.program import Program
from modnet_jax.randomness import KeyRandom

__all__ = ["SharedProgram", "SharedPrograms"]

DATA = {"updates": 2, "accumulate": 3, "outputs": 2}
"""Which argument of a function are this process's rows."""
LOCAL = ("gather", "place")
"""The functions that each process calls by itself."""


class SharedProgram(Program):
    """The functions of one training, each for one process's rows of a batch."""

    def __init__(self, plan: TrainingPlan, parts: Parts) -> None:
        pairs = zip(plan.network.layers, parts.layers, strict=True)
        layers = [
            self._with_whole_batches(part) if layer.needs_full_batch or layer.state else part for layer, part in pairs
        ]
        parts.layers = layers
        super().__init__(plan, parts)
        self._rows = self._size = 0

    def _with_whole_batches(self, part: LayerParts) -> LayerParts:
        component: Any = _WholeBatch(part, self)
        return part._replace(component=component)

    def updates(self, *args: Any, **static: Any) -> Any:
        """Make updates; see `Program.updates`."""
        carry, outputs, penalties, finite = super().updates(*args, **static)
        return carry, _gathered(outputs, 1), penalties, finite

    def accumulate(self, sums: Any, *args: Any, **static: Any) -> Any:
        """Add the gradients of pieces of one batch; see `Program.accumulate`."""
        before, states = sums
        zeros = tuple(jnp.zeros(array.shape, array.dtype) for array in before)
        (gradients, states), outputs = super().accumulate((zeros, states), *args, **static)
        gradients = tuple(old + new for old, new in zip(before, self.summed(gradients), strict=True))
        return (gradients, states), _gathered(outputs, 1)

    def outputs(self, *args: Any) -> Any:
        """Return the outputs of rows; see `PureProgram.outputs`."""
        return _gathered(super().outputs(*args), 0)

    def summed(self, gradients: Arrays) -> Arrays:
        """Return the sums over all processes: of one vector, because each exchange takes its time."""
        add: Any = jax.lax.psum  # which has no types
        flat = add(jnp.concatenate([array.reshape(-1) for array in gradients]), AXIS)
        pieces = jnp.split(flat, np.cumsum([array.size for array in gradients])[:-1])
        return tuple(piece.reshape(array.shape) for piece, array in zip(pieces, gradients, strict=True))

    def _gradients(
        self, carry: Any, frozen: Any, key: Any, data: Any, start: Any, count: Any, total: Any, position: Any,
        rows: int, size: int,
    ) -> Any:  # fmt: skip
        self._rows, self._size = rows, size
        first = jax.lax.axis_index(AXIS) * rows
        own = jnp.clip(count - first, 0, rows)
        return super()._gradients(carry, frozen, key, data, start, own, total, position + first, rows, size)

    def whole(self, rows: Any) -> Any:
        """Return all rows of a batch, from those of each process."""
        return _gathered(rows, 0)[: self._size]

    def own(self, rows: Any) -> Any:
        """Return this process's rows, from all of a batch."""
        missing = jax.lax.axis_size(AXIS) * self._rows - self._size
        padded = jnp.pad(rows, [(0, missing), *((0, 0) for _ in rows.shape[1:])])
        return jax.lax.dynamic_slice_in_dim(padded, self.first, self._rows)

    @property
    def first(self) -> Any:
        """The position of this process's first row in a batch."""
        return jax.lax.axis_index(AXIS) * self._rows


class _WholeBatch:
    """A layer that goes through the whole batch in every process: it needs all of it, or keeps a state of it."""

    def __init__(self, part: LayerParts, program: SharedProgram) -> None:
        self._component, self._activation, self._program = part.component, part.activation, program
        self.trainable = part.component.trainable

    def forward(self, x: Any, ctx: LayerContext) -> Any:
        """Return this process's rows of the net input."""
        if not ctx.training:  # predictions need no other rows
            return self._component.forward(x, ctx)
        rng: Any = ctx.rng
        all_random = KeyRandom(rng.key, rng.position - self._program.first, rng.draws)
        inner = replace(ctx, x=self._program.whole(x), rng=all_random, layer=self._component)
        inner.z = self._component.forward(inner.x, inner)
        inner.a = inner.z if self._activation is None else self._activation(inner.z)
        ctx.saved, rng.draws = inner, all_random.draws
        return self._program.own(inner.z)

    def backward(self, delta: Any, ctx: LayerContext) -> Any:
        """Return this process's rows of the error at the input, and the gradients, which one process has to add."""
        inner: LayerContext = ctx.saved
        inner.delta = self._program.whole(delta)
        upstream, gradients = self._component.backward(inner.delta, inner)
        is_first = jax.lax.axis_index(AXIS) == 0
        gradients = {name: jnp.where(is_first, gradient, 0) for name, gradient in gradients.items()}
        return None if upstream is None else self._program.own(upstream), gradients


class SharedPrograms(JaxPrograms):
    """Calls the functions of a `SharedProgram` in all processes together.

    Args:
        program: The functions.
        device: What they are compiled for.
        cache: Where those of one process are kept.
        group: The processes.
    """

    def __init__(self, program: SharedProgram, device: Device, cache: ProgramCache, group: JaxGroup) -> None:
        super().__init__(program, device, cache)
        self.share, self._mesh = Share(group.index, group.count), group.mesh

    def call(self, name: str, shapes: tuple[Hashable, ...], *args: Any, **static: Any) -> Any:
        """Call a function of the program."""
        position = DATA.get(name)
        if position is not None:
            data = {key: self._of_all(rows) for key, rows in args[position].items()}
            args = (*args[:position], data, *args[position + 1 :])
        return super().call(name, shapes, *args, **static)

    def put(self, tree: Any) -> Any:
        """Return arrays on the devices of all processes, which have the same."""
        return jax.tree.map(self._everywhere, tree)

    def put_rows(self, data: Any) -> Any:
        """Return rows on this process's device."""
        return super().put(data)

    def _function(self, name: str, count: int, **static: Any) -> Callable[..., Any]:
        function = super()._function(name, count, **static)
        if name in LOCAL:
            return function
        specs = tuple(SHARED if index == DATA.get(name) else EQUAL for index in range(count))
        shared: Callable[..., Any] = jax.shard_map(
            function, mesh=self._mesh, in_specs=specs, out_specs=EQUAL, check_vma=False
        )
        return shared

    def _is_kept(self, name: str) -> bool:
        return name in LOCAL  # others know of the connections

    def _everywhere(self, value: Any) -> Any:
        if isinstance(value, jax.Array) and not value.is_fully_addressable:
            return value
        own = super().put(value)
        sharding = NamedSharding(self._mesh, EQUAL)
        return jax.make_array_from_single_device_arrays(own.shape, sharding, [own])

    def _of_all(self, rows: Any) -> Any:
        shape, sharding = (
            (self.share.count * rows.shape[0], *rows.shape[1:]),
            NamedSharding(self._mesh, SHARED),
        )
        return jax.make_array_from_single_device_arrays(shape, sharding, [rows])


def _gathered(rows: Any, axis: int) -> Any:
    """Return the rows of all processes, one after the other."""
    return jax.lax.all_gather(rows, AXIS, axis=axis, tiled=True)
