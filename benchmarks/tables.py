"""``modnet init`` beside scikit-learn's networks with their defaults, on the tables of ``table_data.py``.

python benchmarks/run.py --only tables         # all tables, ten divisions of each; about half an hour
python benchmarks/tables.py iris wine --divisions 3
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import measuring  # noqa: F401 -- before NumPy: it sees to the same kernels for all
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from table_data import SET_ASIDE, TUNED, is_classes

from modnet import Trainer, load_config
from modnet.analysis.recipe.files import configuration_for

DIVISIONS = 10
COMMANDS = 3
"""In how many of the divisions whole commands are timed, too."""


@dataclass
class Result:
    """The scores and seconds of both, division by division."""

    scores: list[tuple[float, float]] = field(default_factory=list)
    fits: list[tuple[float, float]] = field(default_factory=list)
    commands: list[tuple[float, float]] = field(default_factory=list)

    @property
    def difference(self) -> tuple[float, float]:
        """The mean of modnet's score less scikit-learn's, and its standard error."""
        differences = np.array([ours - theirs for theirs, ours in self.scores])
        return float(differences.mean()), float(differences.std(ddof=1) / len(differences) ** 0.5)


def scikit_learn(classes: bool, seed: int) -> Pipeline:
    """Return the network with its defaults behind what it needs: filled, scaled, one-hot."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    ignore = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    texts = make_pipeline(SimpleImputer(strategy="most_frequent"), ignore)
    columns = ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("texts", texts, make_column_selector(dtype_exclude="number")),
        ]
    )
    network = (MLPClassifier if classes else MLPRegressor)(random_state=seed)
    return make_pipeline(columns, network)


def theirs(train: Path, test: Path, classes: bool, seed: int) -> tuple[float, float]:
    """Return scikit-learn's score, and the seconds in which it read the file and was fitted."""
    began = time.perf_counter()
    frame = pd.read_csv(train)
    fitted = scikit_learn(classes, seed).fit(frame.drop(columns="target"), frame["target"])
    seconds = time.perf_counter() - began
    frame = pd.read_csv(test)
    return score(frame["target"].to_numpy(), fitted.predict(frame.drop(columns="target")), classes), seconds


def ours(train: Path, test: Path, classes: bool, seed: int) -> tuple[float, float]:
    """Return modnet's score, and the seconds in which it chose a configuration, read the file and trained."""
    began = time.perf_counter()
    path = train.with_name("my.toml")
    path.write_text(configuration_for(str(train), target="target", test=str(test)))
    run = Trainer(load_config(path, [f"seed={seed}"])).fit()
    seconds = time.perf_counter() - began
    data = load_config(path).data.load()
    assert data.test is not None
    x, y = data.test[:2]
    outputs = run.network.classify(x) if classes else run.network.predict(x)[:, 0]
    return score(np.ravel(y), outputs, classes), seconds


def score(y: np.ndarray, predicted: np.ndarray, classes: bool) -> float:
    return float(balanced_accuracy_score(y, predicted) if classes else r2_score(y, predicted))


PEER = """
import sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, {here!r})
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
frame = pd.read_csv({path!r})
numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
texts = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=False))
columns = ColumnTransformer([("numbers", numbers, make_column_selector(dtype_include="number")),
                             ("texts", texts, make_column_selector(dtype_exclude="number"))])
network = {network}(random_state={seed})
make_pipeline(columns, network).fit(frame.drop(columns="target"), frame["target"])
"""


def commands(train: Path, test: Path, classes: bool, seed: int) -> tuple[float, float]:
    """Return the seconds of whole processes: Python with scikit-learn, and ``modnet init`` with ``modnet train``."""
    network = "MLPClassifier" if classes else "MLPRegressor"
    program = PEER.format(here=str(Path(__file__).parent), path=str(train), network=network, seed=seed)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    middle = time.perf_counter()
    out = train.with_name("out.toml")
    modnet = [sys.executable, "-m", "modnet"]
    init = [*modnet, "init", str(train), "--target", "target", "--test", str(test), "--out", str(out), "--force"]
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL)
    train_command = [
        *modnet,
        "train",
        str(out),
        "--seed",
        str(seed),
        "--quiet",
        "--out",
        str(train.parent / f"run{seed}"),
    ]
    subprocess.run(train_command, check=True, stdout=subprocess.DEVNULL)
    return middle - began, time.perf_counter() - middle


def compare(name: str, divisions: int, *, with_commands: bool = True) -> Result:
    """Return both contenders' scores and seconds on the same divisions of a table, a quarter of it for the test."""
    frame, result, classes = (TUNED | SET_ASIDE)[name](), Result(), is_classes(name)
    for seed in range(divisions):
        stratify = frame["target"] if classes else None
        parts = train_test_split(frame, test_size=0.25, random_state=seed, stratify=stratify)
        with tempfile.TemporaryDirectory() as folder:
            train, test = (Path(folder) / f"{part}.csv" for part in ("train", "test"))
            for part, path in zip(parts, (train, test), strict=True):
                part.to_csv(path, index=False)
            (their_score, their_seconds), (our_score, our_seconds) = (
                contender(train, test, classes, seed) for contender in (theirs, ours)
            )
            result.scores.append((their_score, our_score))
            result.fits.append((their_seconds, our_seconds))
            if with_commands and seed < COMMANDS:
                result.commands.append(commands(train, test, classes, seed))
    return result


def row(name: str, result: Result) -> str:
    """Return a row of the table."""
    (difference, error), means = result.difference, np.mean(result.scores, axis=0)
    kind = "balanced accuracy" if is_classes(name) else "R²"
    shown = name if name in TUNED else f"*{name}*"
    reached = "yes" if difference >= -error else "**no**"
    return (
        f"| {shown} | {kind} | {means[0]:.4f} | {means[1]:.4f} | {difference:+.4f} ± {error:.4f} | {reached} | "
        f"{seconds(result.fits)} | {seconds(result.commands)} |"
    )


def seconds(pairs: list[tuple[float, float]]) -> str:
    """Return the median seconds of both, and the median, least and most of modnet's over scikit-learn's."""
    if not pairs:
        return "–"
    ratios = sorted(mine / yours for yours, mine in pairs)
    medians = np.median(pairs, axis=0)
    return f"{medians[0]:.2f} / {medians[1]:.2f}: **{np.median(ratios):.2f}** ({ratios[0]:.2f}–{ratios[-1]:.2f})"


def section(names: list[str], divisions: int) -> list[str]:
    """Return the section of RESULTS.md."""
    lines = [
        "## A first configuration for a table",
        "",
        "`modnet init` and `modnet train` beside scikit-learn's `MLPClassifier` and `MLPRegressor` with their defaults, behind",
        "`SimpleImputer`, `StandardScaler` and `OneHotEncoder` where they are needed. Each table is divided ten times, three",
        "quarters to one quarter, and both get the same division. Scores are means over the test quarters; ± is the standard",
        "error of the mean of the paired differences, and *reached* says whether modnet's score is at least scikit-learn's",
        "less one standard error. The rules were tuned on the first eight tables; those in italics were set aside before that.",
        "*Fit* is from the CSV file to the trained network in a process that has imported everything, *commands* is whole",
        "processes, `modnet init` and `modnet train` against one Python with scikit-learn: seconds of scikit-learn / of modnet,",
        "and the ratio modnet / scikit-learn, median (least–most); below 1 modnet is faster.",
        "",
        "The test quarter is a file of its own (`--test`), so that modnet, too, has three quarters to train with; from 2,000 rows on",
        "it holds out a tenth of them. scikit-learn's defaults weight no classes, which counts against it where they are uneven (rare,",
        "customers, five). They do not scale targets either: with scaled ones, or 2,000 epochs, it has R² 0.41 or 0.42 on diabetes.",
        "",
        "| table | score | scikit-learn | modnet | difference | reached | fit s | commands s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    compare("iris", 1, with_commands=False)  # so that everything is imported
    for name in names:
        lines.append(row(name, compare(name, divisions)))
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", choices=[*TUNED, *SET_ASIDE, []], help="which tables; those that were tuned"
    )
    parser.add_argument("--divisions", type=int, default=DIVISIONS)
    arguments = parser.parse_args()
    section(arguments.names or list(TUNED), arguments.divisions)


warnings.simplefilter("ignore", ConvergenceWarning)  # its default number of epochs is what is compared
os.environ.setdefault("PYTHONWARNINGS", "ignore")

if __name__ == "__main__":
    main()
