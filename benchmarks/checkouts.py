"""One epoch of training in two checkouts, in turn: ``python benchmarks/checkouts.py BEFORE AFTER [--pairs 25]``.

Both run under this interpreter, each in a process of its own that stays; the rows are those of ``training.py``, on made
data. Printed are the medians, and the median of the ratios after/before of the pairs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

WORKER = """
import sys
import numpy as np
import modnet
from threadpoolctl import threadpool_info

ROWS = {1: ([30, 10], 10, 50_000), 2: ([30, 10], 1, 10_000), 3: ([30, 10], 50_000, 50_000),
        4: ([100, 10], 32, 50_000), 5: ([512, 512, 10], 128, 50_000)}
rng = np.random.default_rng(0)
x, y = rng.random((50_000, 784), dtype=np.float32), rng.integers(0, 10, 50_000)
y[:10] = range(10)
print({library.get("architecture") for library in threadpool_info() if library["user_api"] == "blas"}, flush=True)
for line in sys.stdin:
    layers, length, samples = ROWS[int(line)]
    optimizer = {"kind": "mini-batch", "batch_size": length, "learning_rate": 0.5}
    if length in (1, samples):
        optimizer = {"kind": "stochastic" if length == 1 else "batch", "learning_rate": 0.5}
    config = {"epochs": 2, "dtype": "float32", "network": {"layers": layers}, "optimizer": optimizer}
    run = modnet.Trainer.from_config(config).fit(x[:samples], y[:samples])
    print(run.history[1]["seconds"], flush=True)
"""


def worker(checkout: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    environment["PYTHONPATH"] = str(checkout / "src")
    return subprocess.Popen(
        [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )


def seconds(process: subprocess.Popen[str], row: int) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{row}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--pairs", type=int, default=25)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    options = parser.parse_args()
    processes = [worker(options.before.resolve()), worker(options.after.resolve())]
    kernels = [process.stdout.readline().strip() for process in processes if process.stdout is not None]
    print(f"load at the start: {os.getloadavg()[0]:.2f}; {options.pairs} pairs; BLAS kernels {' and '.join(kernels)}")
    for row in options.rows:
        for process in processes:
            seconds(process, row)  # once, not counted
        pairs = [[seconds(process, row) for process in processes] for _ in range(options.pairs)]
        before, after = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(pair[1] / pair[0] for pair in pairs)
        print(f"row {row}: before {before:.4f} s, after {after:.4f} s, median ratio {ratio:.3f}", flush=True)
    for process in processes:
        process.communicate()


if __name__ == "__main__":
    main()
