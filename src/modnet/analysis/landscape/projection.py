"""A plane through parameter space, θ(u, v) = m + u d₁ + v d₂, and the projections of paths on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.gradients.gradient_flow import norm
from modnet.core.random import Stream, generator
from modnet.network.network import Network, Vector

__all__ = ["Numbers", "Projection", "TrajectoryPoints", "random_axes"]

Numbers: TypeAlias = NDArray[np.float64]

_BLOCK = 1 << 14
"""The number of parameters that are worked on at once where every point is needed."""


@dataclass(frozen=True)
class Projection:
    """A plane, and the paths on it.

    Attributes:
        origin: The parameters m at u = v = 0, (parameters,).
        axes: The directions d₁ and d₂, (2, parameters).
        coordinates: For every path u and v of its points, projected on the plane at right angles, (points, 2).
        share: The share of the paths' variance about m that lies in the plane; each path counts alike.
    """

    origin: Numbers
    axes: Numbers
    coordinates: tuple[Numbers, ...]
    share: float

    @property
    def share_text(self) -> str:
        """The share in per cent."""
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
        for _, points in self._blocks():
            self._gram += points @ points.T

    @property
    def distances(self) -> list[Numbers]:
        """For every path how far its points are from the start."""
        return np.split(np.sqrt(np.diagonal(self._gram)), self._cuts)

    def principal_plane(self, seed: int) -> Projection:
        """Return the plane of the two principal directions about the paths' mean, each path counting alike.

        Where the points lie on one line, or coincide, the missing directions are sampled at random with the seed.
        """
        weights, roots = self._weights, np.sqrt(self._weights)
        means = self._gram @ weights
        centred = self._gram - means - means[:, None] + weights @ means
        _, vectors = np.linalg.eigh(roots[:, None] * centred * roots)
        coefficients = roots * vectors[:, :-3:-1].T
        origin, axes = self._start.copy(), np.empty((2, len(self._start)))
        for block, points in self._blocks():
            mean = weights @ points
            origin[block] += mean
            axes[:, block] = coefficients @ (points - mean)
        longest = float(np.linalg.norm(axes[0]))
        for index, spare in enumerate(_random_directions(seed, len(origin))):
            axis = _perpendicular(axes[index], axes[:index])
            if not np.linalg.norm(axis) > 1e-9 * longest:
                axis = _perpendicular(spare, axes[:index])
            axes[index] = axis / np.linalg.norm(axis)
        # Away from the start, whichever way a library has turned them.
        return self._project(origin, np.where(axes @ (origin - self._start) < 0, -1.0, 1.0)[:, None] * axes)

    def plane_through_start(self, axes: Numbers) -> Projection:
        """Return the plane through the start with these directions."""
        return self._project(self._start, axes)

    def _project(self, origin: Numbers, axes: Numbers) -> Projection:
        products, squares = np.zeros((len(self._thetas), 2)), np.zeros(len(self._thetas))
        for block, points in self._blocks():
            points -= origin[block] - self._start[block]
            products += points @ axes[:, block].T
            squares += np.einsum("ij,ij->i", points, points)
        coordinates = products @ np.linalg.pinv(axes @ axes.T)
        inside, whole = float(self._weights @ np.sum(products * coordinates, axis=1)), float(self._weights @ squares)
        return Projection(origin, axes, tuple(np.split(coordinates, self._cuts)), inside / whole if whole else 1.0)

    def _blocks(self) -> Iterator[tuple[slice, Numbers]]:
        """Yield slices of the parameters, and all points there relative to the start, (points, parameters)."""
        for start in range(0, len(self._start), _BLOCK):
            block = slice(start, start + _BLOCK)
            yield block, np.stack([theta[block] for theta in self._thetas]) - self._start[block]


def random_axes(network: Network, seed: int) -> Numbers:
    """Return two random directions of what is trained; each layer's part is as long as the layer's parameters.

    Source: Li et al., "Visualizing the Loss Landscape of Neural Nets" (2018), with layers in the place of filters.
    """
    axes = _random_directions(seed, network.parameters.size)
    for axis in axes:
        axis[network.trainable :] = 0.0
        for layer, views in zip(network.layers, network.views(axis[: network.trainable]), strict=True):
            length, own_length = norm(views.values()), norm(layer.parameters[name] for name in views)
            for view in views.values():
                view *= (own_length or 1.0) / length  # a layer that starts at 0 has no length to go by
    return axes


def _random_directions(seed: int, size: int) -> Numbers:
    return generator(seed, Stream.DIRECTIONS).standard_normal((2, size))


def _perpendicular(vector: Numbers, axes: Numbers) -> Numbers:
    """Return the part of a vector that is perpendicular to some unit vectors."""
    return vector - (axes @ vector) @ axes
