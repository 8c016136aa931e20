"""What 50 installed plug-ins cost at the start: python benchmarks/discovery.py [PLUGINS [REPEATS]].

Every figure is a median over processes of their own. "Beyond their modules" is the time of the discovery when the
plug-ins' modules are imported already, less that of a discovery that finds no plug-in: it is what modnet itself adds.
The two kinds of process take turns, so that a busy machine is busy for both.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import modnet

SOURCE = Path(modnet.__file__).parents[1]
MODULE = '''
from typing import Literal
import modnet
from pydantic import Field

class Part(modnet.Activation):
    """a = s · z."""

    kind: Literal["part-{number}"] = "part-{number}"
    slope: float = Field(default=1.0, gt=0, description="s")

    def __call__(self, z):
        return self.slope * z

    def backward(self, upstream, z, a):
        return self.slope * upstream

@modnet.hookimpl
def modnet_components():
    return [Part]
'''
METADATA = "Metadata-Version: 2.1\nName: modnet-bench-{number}\nVersion: 1.0\nSummary: A part.\n\n{page}"
PAGE = "A page about the plug-in, as long as pages are.\n" * 200
MEASURE = """
import importlib, json, sys, time
import modnet, modnet.config.run_config, modnet.core.plugins.discovery
import modnet.builtin
modules = sys.argv[1:]
started = time.perf_counter()
for name in modules:
    importlib.import_module(name)
imported = time.perf_counter()
found = modnet.core.plugins.discovery.discover()
ended = time.perf_counter()
print(json.dumps([imported - started, ended - imported, len(list(found))]))
"""


def make(folder: Path, count: int) -> list[str]:
    names = []
    for number in range(count):
        names.append(f"modnet_bench_{number}")
        (folder / f"{names[-1]}.py").write_text(MODULE.format(number=number), encoding="utf-8")
        information = folder / f"modnet_bench_{number}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(METADATA.format(number=number, page=PAGE), encoding="utf-8")
        (information / "entry_points.txt").write_text(f"[modnet]\nbench-{number} = {names[-1]}\n", encoding="utf-8")
    return names


def run(search: list[Path], *arguments: str) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MODNET_")}
    environment = {**kept, "PYTHONPATH": os.pathsep.join(map(str, [*search, SOURCE]))}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def wall(search: list[Path], *arguments: str) -> float:
    started = time.perf_counter()
    run(search, "-m", "modnet", *arguments)
    return time.perf_counter() - started


def measure(count: int = 50, repeats: int = 15) -> dict[str, float]:
    """Return what was measured → median seconds."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        names = make(folder, count)
        bare, full, modules = [], [], []
        starts: dict[tuple[str, bool], list[float]] = {}
        run([folder], "-c", MEASURE, *names)  # compiles the modules
        for _ in range(repeats):
            bare.append(json.loads(run([], "-c", MEASURE))[1])
            imported, discovered, parts = json.loads(run([folder], "-c", MEASURE, *names))
            modules.append(imported)
            full.append(discovered)
            for option in ("--version", "--help"):
                for plugins in (False, True):
                    search = [folder] if plugins else []
                    starts.setdefault((option, plugins), []).append(wall(search, option))
    figures = {
        f"discovery without plug-ins ({parts - count} built-in parts)": statistics.median(bare),
        f"importing {count} plug-ins' modules": statistics.median(modules),
        f"discovery of {count} plug-ins, beyond their modules": statistics.median(full) - statistics.median(bare),
    }
    for (option, plugins), times in starts.items():
        figures[f"modnet {option}, {count if plugins else 'no'} plug-ins"] = statistics.median(times)
    return figures


if __name__ == "__main__":
    for name, seconds in measure(*map(int, sys.argv[1:])).items():
        print(f"{name:<60} {1000 * seconds:8.1f} ms")
