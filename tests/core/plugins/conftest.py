from __future__ import annotations

import importlib
import logging
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from pathlib import Path

import pytest
from cli.running import Modnet, runner
from core.plugins.processes import install
from core.plugins.sites import Site

from modnet.core import registry
from modnet.core.plugins import installed as installed_points
from modnet.core.plugins.discovery import discover
from modnet.core.registry import Registry

DISTRIBUTIONS = Path(__file__).parents[2] / "distributions"


INSTALLED = {
    (point.group, point.name, point.value)
    for group in (installed_points.COMPONENT_GROUP, installed_points.COMMAND_GROUP)
    for point in entry_points(group=group)
    if point.dist is None or point.dist.name != installed_points.BUILTIN_DISTRIBUTION
}
"""The entry points of the plug-ins of whoever runs the tests."""


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process there are the plug-ins of a test, and no others."""

    def without(points: Iterable[EntryPoint]) -> list[EntryPoint]:
        return [point for point in points if (point.group, point.name, point.value) not in INSTALLED]

    def is_kept(distribution: Distribution) -> bool:
        try:
            points = list(distribution.entry_points)
        except Exception:  # whatever a test has written into its entry_points.txt: it is one of the test's
            return True
        return len(without(points)) == len(points)

    monkeypatch.setattr(installed_points, "entry_points", lambda group: without(entry_points(group=group)))
    monkeypatch.setattr(installed_points, "distributions", lambda: filter(is_kept, distributions()))


@pytest.fixture(autouse=True)
def default_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have disabled plug-ins."""
    for name in ("STRICT_PLUGINS", "DISABLE_PLUGINS"):
        monkeypatch.delenv(f"MODNET_{name}", raising=False)


@pytest.fixture
def make_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[[], Site]]:
    """Make folders that are on Python's path, an earlier one before a later one, until the test ends."""
    caplog.set_level(logging.WARNING, "modnet")
    sites: list[Site] = []
    rest = list(sys.path)

    def make() -> Site:
        sites.append(Site(tmp_path / f"site{len(sites)}"))
        sites[-1].folder.mkdir()
        monkeypatch.setattr(sys, "path", [*(str(site.folder) for site in sites), *rest])
        importlib.invalidate_caches()
        return sites[-1]

    before = registry._active
    yield make
    registry._active = before
    for module in [module for site in sites for module in site.modules]:
        sys.modules.pop(module, None)


@pytest.fixture
def site(make_site: Callable[[], Site]) -> Site:
    return make_site()


@pytest.fixture
def rediscover(make_site: Callable[[], Site]) -> Callable[[], Registry]:
    """Discover the plug-ins, and make the result the process's registry until the test ends."""
    del make_site  # which restores the registry

    def discover_now() -> Registry:
        registry._active = discover()
        return registry._active

    return discover_now


@pytest.fixture
def command(
    make_site: Callable[[], Site],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Modnet:
    """A function that runs ``modnet`` in an empty folder, and lets it discover the plug-ins anew."""
    del make_site
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    run = runner(monkeypatch, capsys)

    def call(*arguments: object) -> object:
        registry.reset()
        return run(*arguments)

    return call


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which pip has installed the three test distributions."""
    folder = tmp_path_factory.mktemp("distributions")
    source = folder / "source"
    # A build may write beside its sources, and these may be read-only: it gets a copy.
    shutil.copytree(DISTRIBUTIONS, source, ignore=shutil.ignore_patterns("__pycache__", ".*", "build", "dist"))
    install(folder / "site", *sorted(source.iterdir()))
    return folder / "site"
