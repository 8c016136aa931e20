"""A plane through parameter space: θ(u, v) = m + u d₁ + v d₂, chosen so that paths are seen in it, or by lot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.core.random import Stream, generator
from modnet.network.network import Network, Vector

__all__ = ["Numbers", "Projection", "TrajectoryPoints", "random_axes"]

Numbers: TypeAlias = NDArray[np.float64]

_BLOCK = 1 << 14
"""Parameters that are worked on at once where every point is needed."""


@dataclass(frozen=True)
class Projection:
    """A plane, and where the paths are on it.

    Attributes:
        origin: The parameters m at u = v = 0, (parameters,).
        axes: The directions d₁ and d₂, (2, parameters).
        places: For every path u and v of its points: the feet of their perpendiculars, (points, 2).
        share: The share of the paths' variance about m that the plane holds; each path counts alike.
    """

    origin: Numbers
    axes: Numbers
    places: tuple[Numbers, ...]
    share: float

    @property
    def share_text(self) -> str:
        """The share in per cent, as people read it."""
        return f"{self.share:.0%}" if self.share >= 0.01 else f"{self.share:.2%}"


class TrajectoryPoints:
    """The points of several paths that have one start; worked on in float64, a block of parameters at a time."""

    def __init__(self, paths: Sequence[Sequence[Vector]]) -> None:
        self._start = paths[0][0].astype(np.float64)
        self._thetas = [theta for path in paths for theta in path]
        lengths = [len(path) for path in paths]
        self._cuts = np.cumsum(lengths)[:-1]
        self._weights = np.repeat([1.0 / (len(paths) * length) for length in lengths], lengths)
        self._gram = np.zeros((len(self._thetas), len(self._thetas)))
        for _, rows in self._blocks():
            self._gram += rows @ rows.T

    @property
    def distances(self) -> list[Numbers]:
        """For every path how far its points are from the start."""
        return np.split(np.sqrt(np.diagonal(self._gram)), self._cuts)

    def principal_plane(self, seed: int) -> Projection:
        """Return the plane of the two principal directions about the paths' mean, each path counting alike.

        Where the points lie on one line, or are one, what is missing is drawn by the seed.
        """
        weights, roots = self._weights, np.sqrt(self._weights)
        means = self._gram @ weights
        centred = self._gram - means - means[:, None] + weights @ means
        _, vectors = np.linalg.eigh(roots[:, None] * centred * roots)
        coefficients = roots * vectors[:, :-3:-1].T
        origin, axes = self._start.copy(), np.empty((2, len(self._start)))
        for part, rows in self._blocks():
            middle = weights @ rows
            origin[part] += middle
            axes[:, part] = coefficients @ (rows - middle)
        longest = float(np.linalg.norm(axes[0]))
        for index, spare in enumerate(_drawn(seed, len(origin))):
            axis = _without(axes[index], axes[:index])
            if not np.linalg.norm(axis) > 1e-9 * longest:
                axis = _without(spare, axes[:index])
            axes[index] = axis / np.linalg.norm(axis)
        return self._seen(origin, _away_from_start(axes, origin - self._start))

    def plane_through_start(self, axes: Numbers) -> Projection:
        """Return the plane through the start with these directions."""
        return self._seen(self._start, axes)

    def _seen(self, origin: Numbers, axes: Numbers) -> Projection:
        products, squares = np.zeros((len(self._thetas), 2)), np.zeros(len(self._thetas))
        for part, rows in self._blocks():
            rows -= origin[part] - self._start[part]
            products += rows @ axes[:, part].T
            squares += np.einsum("ij,ij->i", rows, rows)
        places = products @ np.linalg.pinv(axes @ axes.T)
        held, whole = (float(self._weights @ each) for each in (np.sum(products * places, axis=1), squares))
        return Projection(origin, axes, tuple(np.split(places, self._cuts)), held / whole if whole else 1.0)

    def _blocks(self) -> Iterator[tuple[slice, Numbers]]:
        """Yield slices of the parameters, and all points' as seen from the start, (points, some parameters)."""
        for start in range(0, len(self._start), _BLOCK):
            part = slice(start, start + _BLOCK)
            yield part, np.stack([theta[part] for theta in self._thetas]) - self._start[part]


def random_axes(network: Network, seed: int) -> Numbers:
    """Return two random directions; what a layer has of each is as long as the layer's own parameters are.

    Source: Li et al., "Visualizing the Loss Landscape of Neural Nets" (2018), with layers in the place of filters.
    """
    axes = _drawn(seed, network.parameters.size)
    for axis in axes:
        for layer, views in zip(network.layers, network.views(axis), strict=True):
            own, drawn = (_length(some.values()) for some in (layer.parameters, views))
            for view in views.values():
                view *= (own or 1.0) / drawn  # a layer that starts at 0 has no length to go by
    return axes


def _length(arrays: Iterable[Vector]) -> float:
    return math.sqrt(sum(float(np.sum(np.square(array, dtype=np.float64))) for array in arrays))


def _drawn(seed: int, size: int) -> Numbers:
    return generator(seed, Stream.DIRECTIONS).standard_normal((2, size))


def _without(vector: Numbers, others: Numbers) -> Numbers:
    """Return what of a vector is perpendicular to some unit vectors."""
    return vector - (others @ vector) @ others


def _away_from_start(axes: Numbers, to_middle: Numbers) -> Numbers:
    """Return the directions so that they lead away from the start, whichever way a library has turned them."""
    return np.where(axes @ to_middle < 0, -1.0, 1.0)[:, None] * axes
