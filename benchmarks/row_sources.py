"""Training from a memory-mapped file against training from an array in memory: time per sample, and memory.

    python benchmarks/row_sources.py [GIGABYTES] [FOLDER]

A file of random float32 images (8 GB by default) is written to the folder, and removed in the end. One process trains
on the whole file, and its anonymous memory is watched (RssAnon: what belongs to the process; pages of the file belong to
the system). Then rows of the file and the same rows in memory, both in the cache, take turns; so do a scaled float32 file
and a file of uint8 pixels.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

os.environ.pop("OPENBLAS_CORETYPE", None)

import numpy as np
from measuring import machine, ratios, take_turns

from modnet import Trainer

FEATURES, CLASSES, PIECE = 784, 10, 65_536
COMPARED = 1 << 29
"""How many bytes are compared with an array in memory."""


def config(**data: str) -> dict:
    return {
        "epochs": 1,
        "dtype": "float32",
        "data": {"kind": "digits", **data},
        "network": {"layers": [30, CLASSES]},
        "optimizer": {"batch_size": 128, "learning_rate": 0.1},
        "metrics": [],
        "engine": {"kind": "numpy", "threads": 1},
    }


def write(path: Path, gigabytes: float) -> None:
    rows = int(gigabytes * (1 << 30)) // (4 * FEATURES)
    rng = np.random.default_rng(0)
    array = np.lib.format.open_memmap(path, "w+", np.float32, (rows, FEATURES))
    for start in range(0, rows, PIECE):
        array[start : start + PIECE] = rng.random((min(PIECE, rows - start), FEATURES), dtype=np.float32)
    array.flush()


def labels(rows: int) -> np.ndarray:
    return np.arange(rows) % CLASSES


def anonymous_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def watched(path: str, share: str, scaling: str) -> None:
    """Train on the whole file, in a process of its own, and print time and the most anonymous memory."""
    most, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            most[0] = max(most[0], anonymous_mb())

    x = np.load(path, mmap_mode="r")
    y = labels(len(x))
    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    table = config(scaling=scaling)
    table["data"]["validation_share"] = float(share)
    run = Trainer.from_config(table).fit(x, y)
    seconds = time.perf_counter() - began
    stop.set()
    watcher.join()
    epoch = run.history[0]["seconds"]
    print(
        f"| {x.nbytes / (1 << 30):.1f} GB, validation_share {share}, scaling {scaling} | {most[0]:.0f} MB | "
        f"{seconds - epoch:.1f} s | {epoch:.1f} s | {epoch / len(x) * 1e6:.2f} µs |"
    )


def compare(path: Path, rounds: int) -> None:
    rows = min(COMPARED // (4 * FEATURES), len(np.load(path, mmap_mode="r")))
    mapped = np.load(path, mmap_mode="r")[:rows]
    memory, y = np.array(mapped), labels(rows)
    pixels = path.with_name("pixels.npy")
    np.save(pixels, (memory * 255).astype(np.uint8))
    bytes_mapped = np.load(pixels, mmap_mode="r")
    cases = {
        "as it is": ({}, mapped, memory),
        "validation_share 0.1": ({"validation_share": 0.1}, mapped, memory),
        "scaling standard": ({"transforms": ["standard"]}, mapped, memory),
        "uint8": ({}, bytes_mapped, np.array(bytes_mapped)),
    }
    print(
        f"\n| {mapped.nbytes / (1 << 30):.1f} GB of float32 rows | in memory | mapped | ratio: least, of the medians, most |\n| --- | --- | --- | --- |"
    )
    for name, (data, source, array) in cases.items():

        def epoch(x: np.ndarray, data: dict = data) -> float:
            return float(Trainer.from_config(config(**data)).fit(x, y).history[0]["seconds"])

        row = take_turns({"memory": partial(epoch, array), "mapped": partial(epoch, source)}, rounds)
        least, middle, most = ratios(row, "mapped", "memory")
        per_sample = [np.median(row[each]) / rows * 1e6 for each in ("memory", "mapped")]
        sys.stdout.flush()
        print(f"| {name} | {per_sample[0]:.2f} µs | {per_sample[1]:.2f} µs | {least:.2f}, {middle:.2f}, {most:.2f} |")
    pixels.unlink()


def main() -> None:
    if sys.argv[1:2] == ["--watched"]:
        watched(*sys.argv[2:])
        return
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
    folder = sys.argv[2] if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "x.npy"
        write(path, gigabytes)
        print(
            f"{machine()}\n\n| file | RssAnon, at most | before the epoch | epoch | a sample |\n| --- | --- | --- | --- | --- |"
        )
        sys.stdout.flush()
        for share, scaling in (("0", "none"), ("0.1", "standard")):
            subprocess.run([sys.executable, __file__, "--watched", str(path), share, scaling], check=True)
        compare(path, rounds=7)


if __name__ == "__main__":
    main()
