"""The cost as a surface over a plane through parameter space, and the paths that optimizers take on it.

A path's point is shown where it projects on the plane, and at the cost of the parameters there, so that it lies on the
surface.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from modnet.analysis.gradients.gradient_flow import subsample
from modnet.analysis.jsonable import jsonable
from modnet.analysis.landscape.projection import Numbers, Projection, TrajectoryPoints, random_axes
from modnet.analysis.landscape.trajectory import SurfacePath, Trajectory, cost_of, record
from modnet.analysis.progress import Progress, silent
from modnet.config.load import ConfigSource, load_config
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError
from modnet.data.prepared import Samples
from modnet.engines.numpy.threads import one_blas_thread
from modnet.network.network import Network
from modnet.training.setup import build, configs_per_optimizer

__all__ = ["DIRECTIONS", "RESOLUTION", "SAMPLES", "TYPES", "Directions", "Surface", "SurfacePath", "SurfaceView",
           "surface"]  # fmt: skip

Directions: TypeAlias = Literal["principal", "random"]
DIRECTIONS: tuple[str, ...] = get_args(Directions)
TYPES = ("batch", "stochastic", "mini-batch")
"""The document's three types of gradient descent."""

SAMPLES = 2000
"""By default, the number of training samples that the cost is computed from."""
RESOLUTION = 51
"""By default, the number of grid points on each direction."""

_POINTS = 100
_MEMORY = 512 << 20
"""The bytes that the points of all paths may take; larger networks get fewer points."""
_MARGIN = 1.15
_FAR = 4.0
"""How many times as far as the shortest path the longest must go for a second, closer view."""
_AROUND = 1.25
"""How far the closer view goes, in lengths of the shortest path."""

Window: TypeAlias = tuple[Numbers, float]
"""The middle of a square on a plane, and how far it goes from there each way."""


@dataclass(frozen=True)
class SurfaceView:
    """A plane, the cost on a grid in it, and the paths as far as they are shown.

    Attributes:
        plane: The plane, with the coordinates u and v of the paths' points.
        along, across: The grid points on the first direction, u, and on the second, v, (n,) each.
        costs: The cost of the parameters at these points, (across, along).
        projected_costs: For every path the cost of the parameters where its points project on the plane, (points,).
    """

    plane: Projection
    along: Numbers
    across: Numbers
    costs: Numbers
    projected_costs: tuple[Numbers, ...]


@dataclass(frozen=True)
class Surface:
    """The paths, and the cost on planes in which they are seen.

    Attributes:
        config: The configuration; each path has its own optimizer.
        directions: How the planes were chosen.
        samples, total_samples: The number of training samples that the cost is computed from, and of all.
        paths: One for each optimizer.
        views: All paths whole, and, where one of them would be too small to see, a closer view: with principal
            directions another plane, that of the points near the start.
    """

    config: RunConfig
    directions: str
    samples: int
    total_samples: int
    paths: tuple[SurfacePath, ...]
    views: tuple[SurfaceView, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the planes' parameters as a JSON-serializable dict; non-finite numbers are null."""
        return {
            "epochs": self.config.epochs,
            "seed": self.config.seed,
            "cost": self.config.network.cost.kind,
            "samples": self.samples,
            "of": self.total_samples,
            "directions": self.directions,
            "paths": jsonable(self.paths),
            "views": [jsonable(self._view_dict(view)) for view in self.views],
        }

    def _view_dict(self, view: SurfaceView) -> dict[str, Any]:
        paths = [
            {"optimizer": path.optimizer, "along": points[:, 0], "across": points[:, 1], "drawn": costs}
            for path, points, costs in zip(self.paths, view.plane.coordinates, view.projected_costs, strict=True)
        ]
        grid = {"along": view.along, "across": view.across, "costs": view.costs}
        return {"share": view.plane.share, **grid, "paths": paths}


def surface(
    config: ConfigSource = None,
    optimizers: Sequence[str] = TYPES,
    *,
    data: Data | None = None,
    directions: Directions = "principal",
    samples: int = SAMPLES,
    resolution: int = RESOLUTION,
    progress: Progress = silent,
) -> Surface:
    """Return the paths of several optimizers from the same start, and the cost on planes that they are seen in.

    All train by the same configuration, for as many passes over the data, without its callbacks; only the optimizer's
    kind differs. A plane is spanned by the two principal directions of the paths about their mean, or goes through the
    start in two random directions. The cost is that of a trained network: without dropout, and with the state (running
    means) that the layers have at the end of the last path; a path's own costs are with the state at that point.

    Args:
        config: A configuration: a TOML file's path, a dict with its keys, the model, or None for the defaults.
        optimizers: Kinds of optimizers.
        data: The samples, instead of those that the configuration names.
        directions: ``principal`` or ``random``.
        samples: The number of training samples, sampled at random with the seed, that the cost is computed from.
        resolution: The number of grid points on each direction.
        progress: Called with how much of the work is done.

    Raises:
        ConfigError: the configuration is not valid or does not fit the data, or an optimizer is not known.
        DataError: samples or labels cannot be used.
        DivergenceError: a training diverged; the error names the optimizer.
    """
    base = load_config(config)
    _check(base, optimizers, directions, samples, resolution)
    data = base.data.load() if data is None else data
    configs = configs_per_optimizer(base, optimizers, data)
    network, parts, _ = build(base, data, None)
    if network.parameters.size < 2:
        raise ConfigError(f"network.layers: a plane needs 2 parameters, the network has {network.parameters.size}")
    total = len(parts["train"])
    sample = subsample(parts.pop("train"), samples, base.seed)
    parts.clear()  # each training makes its own
    points = max(20, min(_MEMORY // (2 * len(configs) * network.parameters.nbytes), _POINTS))
    trajectories = [record(config, data, sample, points, progress) for config in configs]
    with one_blas_thread(), np.errstate(all="ignore"):
        every = TrajectoryPoints([trajectory.parameters for trajectory in trajectories])
        if directions == "random":
            windows = _random_windows(every.plane_through_start(random_axes(network, base.seed)))
        else:
            planes = [each.principal_plane(base.seed) for each in (every, *_closer(trajectories, every.distances))]
            windows = [(plane, _window(plane.coordinates)) for plane in planes]
        trained = trajectories[-1].network
        views = tuple(_view(trained, sample, plane, window, resolution, progress) for plane, window in windows)
    paths = tuple(trajectory.path for trajectory in trajectories)
    return Surface(base, directions, len(sample), total, paths, views)


def _view(
    network: Network, samples: Samples, plane: Projection, window: Window, resolution: int, progress: Progress
) -> SurfaceView:
    """Return the cost on a square grid, and where the paths' points project on the plane; θ of the network changes."""

    def cost_at(u: float, v: float) -> float:
        network.parameters[...] = plane.origin + np.array([u, v]) @ plane.axes
        return cost_of(network, samples)

    middle, reach = window
    along, across = (np.linspace(center - reach, center + reach, resolution) for center in middle)
    costs = np.empty((resolution, resolution))
    for row, v in enumerate(across):
        costs[row] = [cost_at(u, v) for u in along]
        progress("surface", row + 1, resolution)
    projected_costs = tuple(np.array([cost_at(u, v) for u, v in points]) for points in plane.coordinates)
    return SurfaceView(plane, along, across, costs, projected_costs)


def _closer(trajectories: Sequence[Trajectory], distances: Sequence[Numbers]) -> Iterator[TrajectoryPoints]:
    """Yield the points near the start, where the shortest path would be too small to see among the others."""
    reaches = [float(path.max()) for path in distances]
    near = min(reaches)
    if 0.0 < near * _FAR <= max(reaches):
        # A path ends where it first leaves: what comes back later would be joined by a line that is no path.
        counts = [np.argmax(path > _AROUND * near) or len(path) for path in distances]
        yield TrajectoryPoints([path.parameters[:count] for path, count in zip(trajectories, counts, strict=True)])


def _random_windows(plane: Projection) -> list[tuple[Projection, Window]]:
    """Return the square from −1 to 1 with all paths, and the square around the paths where these are much smaller."""
    near = _window(plane.coordinates)
    whole = _window((*plane.coordinates, np.array([[-1.0, -1.0], [1.0, 1.0]])), margin=1.0)
    return [(plane, whole), (plane, near)] if near[1] * _FAR <= whole[1] else [(plane, whole)]


def _window(coordinates: Sequence[Numbers], margin: float = _MARGIN) -> Window:
    """Return the square that holds all points."""
    points = np.concatenate(coordinates)
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, margin * float(np.max(high - low)) / 2 or 1.0


def _check(config: RunConfig, optimizers: Sequence[str], directions: str, samples: int, resolution: int) -> None:
    if not config.epochs:
        raise ConfigError("epochs: 0 makes no trajectory; allowed: 1 or more")
    if not optimizers:
        raise ConfigError("optimizers: should name one or more kinds")
    if directions not in DIRECTIONS:
        raise ConfigError(f"directions: unknown '{directions}'; allowed: {', '.join(DIRECTIONS)}")
    for name, value, least in (("samples", samples, 1), ("resolution", resolution, 2)):
        if value < least:
            raise ConfigError(f"{name}: {value} is too few; allowed: from {least}")
