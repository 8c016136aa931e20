"""The cost as a surface over a plane through parameter space, with the ways that optimizers take down it.

A path's point is drawn at the foot of its perpendicular on the plane, and at the cost of the parameters there, so
that it lies on the surface.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.gradients.gradient_flow import drawn
from modnet.analysis.landscape.projection import Numbers, Projection, TrajectoryPoints, random_axes
from modnet.analysis.landscape.trajectory import Trajectory, cost_of, record
from modnet.analysis.progress import Progress, silent
from modnet.config.load import ConfigSource, load_config
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError
from modnet.data.prepared import Samples
from modnet.engines.numpy.threads import one_blas_thread
from modnet.network.network import Network
from modnet.training.setup import build, configs_per_optimizer

__all__ = [
    "DIRECTIONS",
    "RESOLUTION",
    "SAMPLES",
    "TYPES",
    "Directions",
    "Surface",
    "SurfacePath",
    "SurfaceView",
    "surface",
]

Directions: TypeAlias = Literal["principal", "random"]
DIRECTIONS: tuple[str, ...] = get_args(Directions)
TYPES = ("batch", "stochastic", "mini-batch")
"""The document's three types of gradient descent."""

SAMPLES = 2000
"""Of how many training samples the cost is, where nothing else is asked for."""
RESOLUTION = 51
"""How many places the grid has on each direction, where nothing else is asked for."""

_POINTS = 100
_MEMORY = 512 << 20
"""Bytes that the points of all paths may take; larger networks get fewer points."""
_MARGIN = 1.15
_SMALL = 4.0
"""How much further than the shortest path the furthest must go for a second, closer view."""
_AROUND = 1.25
"""How far the closer view goes, where the shortest path goes 1."""


@dataclass(frozen=True)
class SurfacePath:
    """One optimizer's way from the start.

    Attributes:
        optimizer: Its kind.
        updates: How many updates were made before each point, (points,).
        passes: How many passes over the training samples, (points,).
        costs: The cost of θ at each point, (points,).
        detour: The length of the path, every update counted, over the distance from its start to its end: 1 is a
            straight line. None where the end is the start.
        rises: At how many of the points the cost is higher than at the point before.
    """

    optimizer: str
    updates: NDArray[np.int64]
    passes: Numbers
    costs: Numbers
    detour: float | None
    rises: int


@dataclass(frozen=True)
class SurfaceView:
    """A plane, the cost on a grid in it, and the paths as far as they are shown.

    Attributes:
        plane: The plane, with the places u and v of the paths' points.
        along: The grid's places on the first direction, u, (n,).
        across: The same on the second, v, (n,).
        costs: The cost of the parameters at these places, (across, along).
        drawn: For every path the cost of the parameters at its points' places, (points,).
    """

    plane: Projection
    along: Numbers
    across: Numbers
    costs: Numbers
    drawn: tuple[Numbers, ...]


@dataclass(frozen=True)
class Surface:
    """The paths, and the cost on planes in which they are seen.

    Attributes:
        config: The configuration; each path has its own optimizer.
        directions: How the planes were chosen.
        samples: Of how many training samples the cost is.
        of: How many training samples there are.
        paths: One for each optimizer.
        views: The whole of all paths, and, where one of them would be too small to see, a closer view: with principal
            directions another plane, that of the points near the start.
    """

    config: RunConfig
    directions: str
    samples: int
    of: int
    paths: tuple[SurfacePath, ...]
    views: tuple[SurfaceView, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all but the planes' parameters as numbers, lists and dicts; what is not finite is None."""
        return {
            "epochs": self.config.epochs,
            "seed": self.config.seed,
            "cost": self.config.network.cost.kind,
            "samples": self.samples,
            "of": self.of,
            "directions": self.directions,
            "paths": [
                {
                    **vars(path),
                    "updates": path.updates.tolist(),
                    "passes": _plain(path.passes),
                    "costs": _plain(path.costs),
                }
                for path in self.paths
            ],
            "views": [self._plain_view(view) for view in self.views],
        }

    def _plain_view(self, view: SurfaceView) -> dict[str, Any]:
        plane = view.plane
        return {
            "share": plane.share,
            "along": _plain(view.along),
            "across": _plain(view.across),
            "costs": _plain(view.costs),
            "paths": [
                {"optimizer": path.optimizer, "along": _plain(u), "across": _plain(v), "drawn": _plain(drawn)}
                for path, (u, v), drawn in zip(self.paths, (each.T for each in plane.places), view.drawn, strict=True)
            ],
        }


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
    start in two random directions (`modnet.analysis.landscape.projection`). The cost is that of a finished network: without dropout,
    and with the state (running means) that the layers have at the end of the last path; a path's own costs are with
    the state of the moment.

    Args:
        config: A configuration: a TOML file's path, a dict with its keys, the model, or None for the defaults.
        optimizers: Kinds of optimizers.
        data: The samples; with None the configured dataset gives them.
        directions: ``principal`` or ``random``.
        samples: Of how many training samples the cost is; where there are more, these are drawn by the seed.
        resolution: How many places the grid has on each direction.
        progress: Hears how far the work is.

    Raises:
        ConfigError: the configuration does not hold or does not fit the data, or an optimizer is not known.
        DataError: samples or labels cannot be used.
        DivergenceError: a training left the finite numbers; the error names the optimizer.
    """
    base = load_config(config)
    _check(base, optimizers, directions, samples, resolution)
    data = base.data.load() if data is None else data
    configs = configs_per_optimizer(base, optimizers, data)
    network, parts, _ = build(base, data, None)
    if network.parameters.size < 2:
        raise ConfigError(f"network.layers: a plane needs 2 parameters, the network has {network.parameters.size}")
    of = len(parts["train"])
    some = drawn(parts.pop("train"), samples, base.seed)
    parts.clear()  # each training makes its own
    points = max(20, min(_MEMORY // (2 * len(configs) * network.parameters.nbytes), _POINTS))
    recordings = [record(each, data, some, points, progress) for each in configs]
    with one_blas_thread(), np.errstate(all="ignore"):
        every = TrajectoryPoints([recording.parameters for recording in recordings])
        paths = tuple(map(_path, configs, recordings, every.distances))
        probe = _Probe(recordings[-1].network, some, resolution, progress)
        if directions == "random":
            plane = every.plane_through_start(random_axes(network, base.seed))
            near = _window(plane.places)
            whole = _window((*plane.places, np.array([[-1.0, -1.0], [1.0, 1.0]])), margin=1.0)
            windows = [(plane, whole), (plane, near)] if near[1] * _SMALL <= whole[1] else [(plane, whole)]
        else:
            planes = [points.principal_plane(base.seed) for points in (every, *_closer(recordings, every.distances))]
            windows = [(plane, _window(plane.places)) for plane in planes]
        views = tuple(probe.view(plane, *window) for plane, window in windows)
    return Surface(base, directions, len(some), of, paths, views)


def _path(config: RunConfig, recording: Trajectory, distances: Numbers) -> SurfacePath:
    distance = float(distances[-1])
    return SurfacePath(
        config.optimizer.kind,
        recording.updates,
        recording.passes,
        recording.costs,
        recording.length / distance if distance else None,
        int(np.count_nonzero(np.diff(recording.costs) > 0)),
    )


class _Probe:
    """The cost of the parameters anywhere on a plane."""

    def __init__(self, network: Network, samples: Samples, resolution: int, progress: Progress) -> None:
        self._network = network
        self._samples = samples
        self._resolution = resolution
        self._progress = progress

    def view(self, plane: Projection, middle: Numbers, reach: float) -> SurfaceView:
        """Return the cost on a square grid that goes ``reach`` from the middle each way, and at the paths' points."""
        along, across = (np.linspace(each - reach, each + reach, self._resolution) for each in middle)
        costs = np.empty((self._resolution, self._resolution))
        for row, v in enumerate(across):
            costs[row] = [self._cost(plane, np.array([u, v])) for u in along]
            self._progress("surface", row + 1, self._resolution)
        drawn = tuple(np.array([self._cost(plane, place) for place in places]) for places in plane.places)
        return SurfaceView(plane, along, across, costs, drawn)

    def _cost(self, plane: Projection, place: Numbers) -> float:
        self._network.parameters[...] = plane.origin + place @ plane.axes
        return cost_of(self._network, self._samples)


def _closer(recordings: Sequence[Trajectory], distances: Sequence[Numbers]) -> Iterator[TrajectoryPoints]:
    """Yield the points near the start, where the shortest path would be too small to see among the others."""
    reaches = [float(each.max()) for each in distances]
    near = min(reaches)
    if 0.0 < near * _SMALL <= max(reaches):
        # A path ends where it first leaves: what comes back later would be joined by a line that nobody went.
        counts = [np.argmax(each > _AROUND * near) or len(each) for each in distances]
        yield TrajectoryPoints([each.parameters[:count] for each, count in zip(recordings, counts, strict=True)])


def _window(places: Sequence[Numbers], margin: float = _MARGIN) -> tuple[Numbers, float]:
    """Return the middle of the square that holds all places, and how far it goes from there."""
    every = np.concatenate(places)
    low, high = every.min(axis=0), every.max(axis=0)
    return (low + high) / 2, margin * float(np.max(high - low)) / 2 or 1.0


def _check(config: RunConfig, optimizers: Sequence[str], directions: str, samples: int, resolution: int) -> None:
    if not config.epochs:
        raise ConfigError("epochs: 0 makes no path; allowed: from 1")
    if not optimizers:
        raise ConfigError("optimizers: should name one or more kinds")
    if directions not in DIRECTIONS:
        raise ConfigError(f"directions: unknown '{directions}'; allowed: {', '.join(DIRECTIONS)}")
    for name, value, least in (("samples", samples, 1), ("resolution", resolution, 2)):
        if value < least:
            raise ConfigError(f"{name}: {value} is too few; allowed: from {least}")


def _plain(values: Numbers) -> Any:
    """Return numbers as lists; JSON has no word for what is not finite."""
    plain = values.astype(object)
    plain[~np.isfinite(values)] = None
    return plain.tolist()
