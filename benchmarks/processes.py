"""Training in several processes on one machine, measured, and on many machines, computed from what was measured.

    python benchmarks/processes.py [--epochs 5] [--rounds 3] [--skip-table]

Each process is pinned to one core with taskset; where there are more processes than cores, they share them, and the row is
marked. The engine is jax on made data. A process makes all its trainings one after the other; an epoch's seconds are those
of the history, the first epoch (which compiles) aside. The processor time is that of process 0; where others use the machine
it says more than the seconds. "all-reduce" is the sum of one vector like θ over the processes by itself.

The computed table is no measurement. Its compute time is that of one pinned process, measured here for a machine's share of
the batch; its all-reduce is that of a ring, 2 (n - 1) messages one after the other of 1/n of θ, at the full rate of the
network and 50 µs for each message. What the network, its switches or slow machines add is not in it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

NETS = {"784-100-10": [100, 10], "784-512-512-10": [512, 512, 10], "784-2048-2048-10": [2048, 2048, 10]}
COMPARED = "784-512-512-10"
BATCHES = (1_024, 4_096)
COUNTS = (1, 2, 4, 8)
MACHINES = (8, 32, 128, 1_024)
GIGABITS = (10, 100)
LATENCY = 50e-6
TABLE_BATCH = 16_384
ROWS = 16_384


def config(layers: list[int], batch: int, epochs: int) -> dict[str, Any]:
    return {
        "epochs": epochs,
        "dtype": "float32",
        "engine": {"kind": "jax", "device": "cpu"},
        "network": {"layers": layers},
        "optimizer": {"kind": "mini-batch", "batch_size": batch, "learning_rate": 0.1},
        "metrics": [],
    }


def worker(jobs: list[Any]) -> None:
    """Make trainings and all-reduces, and print their seconds."""
    import time

    import numpy as np

    from modnet import Trainer

    rng = np.random.default_rng(0)
    x, y = rng.random((ROWS, 784), dtype=np.float32), rng.integers(0, 10, ROWS)
    y[:10] = range(10)
    for name, batch, epochs in jobs:
        rows = max(ROWS // batch, 1) * batch
        trainer = Trainer.from_config(config(NETS[name], batch, epochs))
        ends: list[float] = []
        run = trainer.fit(x[:rows], y[:rows], callbacks=[lambda *_, ends=ends: ends.append(time.process_time())])
        group, theta = trainer.config.engine.process_group(), run.network.parameters
        sums = []
        for _ in range(12 if group.count > 1 else 0):
            group.gather(None)
            began = time.perf_counter()
            group.sum(theta)
            sums.append(time.perf_counter() - began)
        if group.primary:
            seconds = statistics.median(row["seconds"] for row in run.history[1:]) * batch / rows
            used = statistics.median(np.diff(ends)) * batch / rows
            print(json.dumps([name, batch, seconds, used, statistics.median(sums[2:]) if sums else 0.0]), flush=True)


def measure(count: int, jobs: list[Any]) -> dict[tuple[str, int], tuple[float, float, float]]:
    """Return (net, batch) → seconds of an update, its processor time in process 0, and seconds of an all-reduce."""
    cores = sorted(os.sched_getaffinity(0))
    processes = []
    with tempfile.TemporaryDirectory() as folder:
        for index in range(count):
            names = {"SIZE": count, "RANK": index, "LOCAL_SIZE": count}
            environment = {f"OMPI_COMM_WORLD_{name}": str(value) for name, value in names.items()}
            environment |= {"PMIX_NAMESPACE": f"{os.getpid()}-{count}", "XDG_CACHE_HOME": folder}
            command = ["taskset", "-c", str(cores[index % len(cores)]), sys.executable, __file__, "--worker"]
            processes.append(
                subprocess.Popen(
                    [*command, json.dumps(jobs)], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
                )
            )
        printed = [process.communicate()[0] for process in processes]
    assert all(process.returncode == 0 for process in processes), "a process has failed"
    rows = [json.loads(line) for line in printed[0].splitlines()]
    return {(name, batch): (seconds, used, total) for name, batch, seconds, used, total in rows}


def print_measured(epochs: int, rounds: int) -> None:
    jobs = [(COMPARED, batch, epochs) for batch in BATCHES]
    cores = len(os.sched_getaffinity(0))
    turns = [{count: measure(count, jobs) for count in COUNTS} for _ in range(rounds)]
    print(
        f"**Measured**: {COMPARED}, float32, each process pinned to one of {cores} cores; medians of {rounds} rounds\n"
    )
    print(
        "| processes | batch | an update, ms | its processor time, ms | all-reduce, ms | times as fast as one (least–most) |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for count in COUNTS:
        mark = " (more processes than cores)" if count > cores else ""
        for key in turns[0][count]:
            update, used, total = (
                statistics.median(values) for values in zip(*(turn[count][key] for turn in turns), strict=True)
            )
            faster = sorted(turn[1][key][0] / turn[count][key][0] for turn in turns)
            reduced = f"{total * 1e3:.1f}" if count > 1 else ""
            spread = f" ({faster[0]:.2f}–{faster[-1]:.2f})" if count > 1 else ""
            cells = [f"{count}{mark}", f"{key[1]:,}", f"{update * 1e3:.1f}", f"{used * 1e3:.1f}", reduced]
            print(f"| {' | '.join(cells)} | {statistics.median(faster):.2f}{spread} |", flush=True)


def print_computed(epochs: int) -> None:
    import numpy as np

    shares = sorted({max(TABLE_BATCH // machines, 1) for machines in (1, *MACHINES)})
    found = measure(1, [(name, share, epochs) for name in NETS for share in shares])
    print(f"\n**Computed**: times as fast as one machine, for batches of {TABLE_BATCH:,}\n")
    columns = [(rate, machines) for rate in GIGABITS for machines in MACHINES]
    print("| net | " + " | ".join(f"{machines:,} at {rate} Gbit/s" for rate, machines in columns) + " |")
    print("| --- |" + " ---: |" * len(columns))
    for name, layers in NETS.items():
        sizes = [784, *layers]
        parameters = sum(int(np.prod(pair)) + pair[1] for pair in pairwise(sizes))
        cells = []
        for rate, machines in columns:
            message = parameters * 4 / machines / (rate * 1e9 / 8) + LATENCY
            update = found[name, max(TABLE_BATCH // machines, 1)][0] + 2 * (machines - 1) * message
            cells.append(f"{found[name, TABLE_BATCH][0] / update:.1f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    print("\nMeasured for it: an update in one pinned process, ms, by the rows of its batch\n")
    print("| net | " + " | ".join(f"{share:,}" for share in shares) + " |")
    print("| --- |" + " ---: |" * len(shares))
    for name in NETS:
        print(f"| {name} | " + " | ".join(f"{found[name, share][0] * 1e3:,.1f}" for share in shares) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3, help="how often the numbers of processes take their turns")
    parser.add_argument("--skip-table", action="store_true")
    parser.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker)
        return
    sys.path.insert(0, str(Path(__file__).parent))
    from measuring import machine

    print(f"*{machine()}.*\n")
    print_measured(options.epochs, options.rounds)
    if not options.skip_table:
        print_computed(options.epochs)


if __name__ == "__main__":
    main()
