"""Measure everything, and write RESULTS.md and the chart of the docs.

pip install . -r benchmarks/requirements.txt
python benchmarks/run.py --mnist FOLDER          # --rounds 3, or --only training,prediction, for less
python benchmarks/run.py --only tables           # needs no MNIST
python benchmarks/run.py --mnist FOLDER --only engines --device gpu --rows 1,2,3,4,5,6
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from engines import engines_part, first_epoch_part
from measuring import Row, load_mnist, machine, ratios

HERE = Path(__file__).parent
CHART = HERE.parent / "docs" / "images" / "training-speed.svg"
PEERS = ["by hand", "scikit-learn", "PyTorch", "JAX"]
WANTED = {  # the figures: at least so many times as fast as scikit-learn and PyTorch, at most so many times by hand
    1: (3.3, 4.2, 1.10),
    2: (6.0, 6.0, 1.25),
    3: (2.0, 2.5, 1.10),
    4: (2.2, 1.8, 1.10),
    5: (1.4, 1.1, 1.10),
}


def spread(row: Row, name: str, base: str = "modnet") -> str:
    low, median, high = ratios(row, name, base)
    return f"**{median:.2f}** ({low:.2f}–{high:.2f})"


def seconds(row: Row, name: str) -> str:
    return f"{np.median(row[name]):.3f}" if name in row else "–"


def training_part(arguments: argparse.Namespace) -> list[str]:
    from training import ROWS, table

    x, y = load_mnist(arguments.mnist)
    results = table(x, y, arguments.rows, arguments.rounds, not arguments.no_jax)
    lines = [
        "## One epoch of training, float32",
        "",
        "*modnet* is an epoch within a fit, by its own history; *whole fit* is `fit` of one epoch with all that is done once,",
        "the check of every number of the data for NaN among it, which no peer but scikit-learn makes.",
        "Seconds are medians. A ratio is the contender's time over modnet's: median (least–most over the rounds); above 1",
        "modnet is faster. *Wanted* is for scikit-learn, PyTorch, and modnet's time over the hand-written loop's.",
        "",
        "| # | net | batch | modnet s | whole fit s | by hand s | scikit-learn s | PyTorch s | JAX s | vs scikit-learn | vs PyTorch | modnet / by hand | wanted |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for number, row in results.items():
        sizes, length, samples = ROWS[number]
        times = " | ".join(seconds(row, name) for name in ("modnet", "whole fit", *PEERS))
        wanted = "≥ {} / ≥ {} / ≤ {}".format(*WANTED[number])
        lines.append(
            f"| {number} | {'-'.join(map(str, sizes))} | {'all' if length == samples else length} | {times} | "
            f"{spread(row, 'scikit-learn')} | {spread(row, 'PyTorch')} | {spread(row, 'modnet', 'by hand')} | {wanted} |"
        )
    draw(results)
    return lines


def precision_part(arguments: argparse.Namespace) -> list[str]:
    from training import precision

    results = precision(*load_mnist(arguments.mnist), arguments.rows, arguments.rounds)
    lines = ["## float64 over float32", "", "Wanted: at most 2.3.", "", "| # | float64 / float32 |", "| --- | --- |"]
    return lines + [f"| {number} | {spread(row, 'float64')} |" for number, row in results.items()]


def openness_part(arguments: argparse.Namespace) -> list[str]:
    from training import openness

    row = openness(*load_mnist(arguments.mnist), 2 * arguments.rounds)
    lines = ["## What openness costs", "", "Row 1, over its own time. Wanted: 1 for the stranger, at most 1.05 for the event.",
             "", "| what | ratio |", "| --- | --- |"]  # fmt: skip
    return lines + [f"| {name} | {spread(row, name)} |" for name in row if name != "modnet"]


def busy_part(arguments: argparse.Namespace) -> list[str]:
    from training import busy

    results = busy(*load_mnist(arguments.mnist), arguments.rows, arguments.rounds)
    lines = [
        "## Beside a process that keeps one core busy",
        "",
        "Over the same contender's time on the machine as it was. Wanted for modnet: at most 2.5. The loop by hand leaves the",
        "number of threads to the BLAS library.",
        "",
        "| # | modnet | by hand |",
        "| --- | --- | --- |",
    ]
    for number, row in results.items():
        cells = " | ".join(spread(row, f"{name}, busy", name) for name in ("modnet", "by hand"))
        lines.append(f"| {number} | {cells} |")
    return lines


def growth_part(arguments: argparse.Namespace) -> list[str]:
    from training import growth

    lines = [
        "## Growth with the samples",
        "",
        "32-30-10, float32, one epoch. The exponent is that of seconds ∝ samplesᵖ, wanted at most 1.05; MB are the most that",
        "was allocated beyond the caller's data, of which the order of the samples is 8 bytes for each.",
        "",
        "| type | samples | seconds | exponent | MB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind, (counts, times, memory) in growth(arguments.rounds).items():
        exponent = np.polyfit(np.log(counts), np.log(times), 1)[0]
        lines.append(
            f"| {kind} | {', '.join(f'{count:,}' for count in counts)} | {', '.join(f'{t:.3f}' for t in times)} | "
            f"{exponent:.2f} | {', '.join(f'{mb:.1f}' for mb in memory)} |"
        )
    return lines


def prediction_part(arguments: argparse.Namespace) -> list[str]:
    from prediction import predictions

    lines = [
        "## Predictions through 64-30-10, float32",
        "",
        "Wanted for one row: at most 1.6 times by hand, 6 times as fast as scikit-learn, faster than PyTorch; for 10,000",
        "rows: at least as fast as either.",
        "",
        "| rows | modnet µs | by hand µs | modnet / by hand | vs scikit-learn | vs PyTorch |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for rows, calls in ((1, 2000), (10_000, 10)):
        row = predictions(3 * arguments.rounds, rows, calls)
        micro = [f"{np.median(row[name]) * 1e6:.1f}" for name in ("modnet", "by hand")]
        lines.append(
            f"| {rows:,} | {micro[0]} | {micro[1]} | {spread(row, 'modnet', 'by hand')} | {spread(row, 'scikit-learn')} | "
            f"{spread(row, 'PyTorch')} |"
        )
    return lines


def start_part(arguments: argparse.Namespace) -> list[str]:
    from start import installed_megabytes, starts

    row = starts(3 * arguments.rounds)
    base = "numpy, pydantic, pluggy"
    lines = [
        "## Start and size",
        "",
        f"Installed with everything that it needs: {installed_megabytes(HERE.parent):.0f} MB (wanted: under 130).",
        "",
        f"| what | ms | over `import {base}` |",
        "| --- | --- | --- |",
    ]
    return lines + [f"| {name} | {np.median(row[name]) * 1e3:.0f} | {spread(row, name, base)} |" for name in row]


def fixed_part(arguments: argparse.Namespace) -> list[str]:
    from fixed_cost import fixed_costs

    row = fixed_costs(3 * arguments.rounds)
    lines = [
        "## The fixed cost of a fit",
        "",
        "100 rows of 20 numbers, 100 hidden units, one epoch of one update, in one process with scikit-learn loaded; each",
        "round is the median of 100 fits. Wanted: at most 1.5 ms beyond the epoch.",
        "",
        "| what | ms: median (least) |",
        "| --- | --- |",
    ]
    return lines + [f"| {name} | {1e3 * np.median(row[name]):.2f} ({1e3 * min(row[name]):.2f}) |" for name in row]


def estimators_part(arguments: argparse.Namespace) -> list[str]:
    from estimators import WANTED, measure, measure_peaks

    lines = [
        "## Estimators beside scikit-learn's",
        "",
        "`modnet_sklearn` with scikit-learn's parameters and numbers, on data in memory, with one and two BLAS threads for",
        "scikit-learn; modnet limits BLAS to one and divides large updates among threads of its own. A ratio is",
        "scikit-learn's time over modnet's.",
        "",
        "| what | BLAS threads | modnet ms | scikit-learn ms | ratio | wanted |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, threads, row in measure(arguments.rounds, arguments.mnist):
        times = " | ".join(f"{1e3 * np.median(row[each]):.3f}" for each in ("modnet", "scikit-learn"))
        ratio, wanted = spread(row, "scikit-learn"), WANTED.get(name, 1.0)
        lines.append(f"| {name} | {threads} | {times} | {ratio} | ≥ {wanted} |")
        print(lines[-1], flush=True)
    peaks = " and ".join(f"{mb:.0f} MB in {name}" for name, mb in measure_peaks().items())
    return [*lines, "", f"A fit of the sparse text takes at most {peaks} beyond its data."]


def discovery_part(arguments: argparse.Namespace) -> list[str]:
    from discovery import measure

    lines = [
        "## Fifty installed plug-ins",
        "",
        "Wanted: at most 100 ms beyond what importing their own modules costs, and nothing for `--version` and `--help`.",
        "",
        "| what | ms |",
        "| --- | --- |",
    ]
    return lines + [f"| {name} | {seconds * 1e3:.1f} |" for name, seconds in measure(50, 3 * arguments.rounds).items()]


def tables_part(arguments: argparse.Namespace) -> list[str]:
    from table_data import SET_ASIDE, TUNED
    from tables import DIVISIONS, section

    del arguments
    lines = section([*TUNED, *SET_ASIDE], DIVISIONS)
    return [lines[0], "", "<!-- --8<-- [start:tables] -->", *lines[1:], "", "<!-- --8<-- [end:tables] -->"]


PARTS: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    "training": training_part,
    "precision": precision_part,
    "openness": openness_part,
    "busy": busy_part,
    "growth": growth_part,
    "prediction": prediction_part,
    "start": start_part,
    "fixed": fixed_part,
    "estimators": estimators_part,
    "discovery": discovery_part,
    "tables": tables_part,
    "engines": engines_part,
    "first": first_epoch_part,
}
WITHOUT_MNIST = ("growth", "prediction", "start", "fixed", "estimators", "discovery", "tables", "first")


def draw(results: dict[int, Row]) -> None:
    """Draw the epochs' seconds as one chart."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from training import ROWS

    mpl.rcParams["svg.hashsalt"] = "modnet"
    names = ["modnet", *PEERS]
    colours = ["#0072B2", "#999999", "#E69F00", "#CC79A7", "#009E73"]
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    width = 0.8 / len(names)
    for place, (name, colour) in enumerate(zip(names, colours, strict=True)):
        present = [(index, row[name]) for index, row in enumerate(results.values()) if name in row]
        positions = [index + (place - (len(names) - 1) / 2) * width for index, _ in present]
        medians = [float(np.median(times)) for _, times in present]
        axes.bar(positions, medians, width, label=name, color=colour)
    labels = []
    for number in results:
        sizes, length, samples = ROWS[number]
        labels.append(
            f"{'-'.join(map(str, sizes))}\nbatch {'all' if length == samples else length}, {samples // 1000} k rows"
        )
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yscale("log")
    axes.set_ylabel("seconds an epoch (logarithmic)")
    axes.set_title("One epoch of training on MNIST, float32: less is better")
    axes.legend(ncols=len(names), loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    CHART.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(CHART, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, help="the folder with the four IDX files, gzip")
    parser.add_argument("--only", default=",".join(PARTS), help="which parts, with commas")
    parser.add_argument("--rows", default="1,2,3,4,5", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--rounds", type=int, default=7, help="how often each contender takes its turn")
    parser.add_argument("--device", default="cpu", choices=["cpu", "gpu"], help="what the part 'engines' runs on")
    parser.add_argument("--no-jax", action="store_true", help="leave JAX out")
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    if arguments.mnist is None and not set(names) <= set(WITHOUT_MNIST):
        parser.error(f"--mnist is needed, but for --only {','.join(WITHOUT_MNIST)}")
    for name in names:
        before, when = machine(), datetime.now(UTC).strftime("%Y-%m-%d")
        lines = PARTS[name](arguments)
        rounds = "" if name == "tables" else f"; {arguments.rounds} rounds"
        lines += ["", f"*{when}; {before}{rounds}.*"]
        print("\n".join(lines), flush=True)
        write(lines)


def write(lines: list[str]) -> None:
    """Replace the section with the same title in RESULTS.md, or add it at the end."""
    path = HERE / "RESULTS.md"
    _, *sections = re.split(r"^(?=## )", path.read_text(encoding="utf-8") if path.exists() else "", flags=re.MULTILINE)
    found = {text.partition("\n")[0]: text.rstrip("\n") for text in sections}
    found[lines[0]] = "\n".join(lines)
    head = f"# Benchmarks\n\nWritten by `python benchmarks/run.py`; the parts may be of different runs. {HOW}"
    path.write_text("\n\n".join([head, *found.values()]) + "\n", encoding="utf-8")


HOW = (
    "Contenders take turns, round after round, after one round to warm up, so that a busy moment hits them all; compare "
    "the ratios, not the seconds."
)

if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
