"""Faults of tables, and of configurations about tables: what a person runs, and the line that answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import modnet

CITIES = ("Rome", "Oslo", "Bonn")
PEOPLE = "id,age,city,bought\n" + "".join(
    f"p{row},{20 + 3 * row},{CITIES[row % 3]},{('no', 'yes')[row // 2 % 2]}\n" for row in range(12)
)
CONFIG = """
epochs = 1
[data]
kind = "csv"
path = "people.csv"
target = "bought"
exclude = ["id"]
transforms = [{kind = "impute", columns = "number"}, "one-hot"]
[network]
layers = [{kind = "dense", units = 2, activation = "softmax"}]
cost = "categorical-cross-entropy"
[optimizer]
batch_size = 4
learning_rate = 0.0001
"""


def prepare() -> None:
    """Write a table and its configuration to the current folder, and train on it: two classes, three, and a number."""
    Path("people.csv").write_text(PEOPLE)
    Path("people.toml").write_text(CONFIG)
    layer = "network.layers=[{kind='dense', units=%d, activation='%s'}]"
    runs = {
        "run": [],
        "three": ["data.target=city", "data.transforms=['one-hot']", layer % (3, "softmax")],
        "numbers": ["data.target=age", "data.target_type=number", layer % (1, "identity"), "network.cost=quadratic"],
    }
    for name, settings in runs.items():
        transforms = ["data.transforms=['one-hot']"] if name == "numbers" else []
        modnet.Trainer(modnet.load_config("people.toml", [*settings, *transforms])).fit(out=name)


def settings(*pairs: str) -> tuple[str, ...]:
    return tuple(part for pair in pairs for part in ("--set", pair))


BASE = settings("data.target=y", "network.layers=[2]", "optimizer.batch_size=1", "epochs=1")
CSV = ("train", *settings("data.kind=csv", "data.path=t.csv"), *BASE, "--out", "new")
PARQUET = ("train", *settings("data.kind=parquet", "data.path=t.parquet"), *BASE, "--out", "new")
NPZ = ("train", *settings("data.kind=npz", "data.path=t.npz", "network.layers=[2]"), "--out", "new")
INIT = ("init", "t.csv", "--out", "new.toml")
PREDICT = ("predict", "run", "t.csv", "--out", "new.csv")
EVALUATE = ("evaluate", "run", "--data", "t.csv")
COMPARE = ("compare", "people.toml", "--out", "new")
NUMBER = settings("network.layers=[{kind='dense', units=1, activation='identity'}]")


class Fault(NamedTuple):
    """What is wrong: a command, the line on standard error (as far as "…"), and the files and the input that it reads.

    A file is text, bytes, None for a folder, columns of a Parquet file, or arrays of an archive.
    """

    command: tuple[str, ...]
    line: str
    files: Mapping[str, Any] = {}
    stdin: bytes = b""

    def write(self) -> None:
        """Write the files to the current folder."""
        for name, content in self.files.items():
            path = Path(name)
            if content is None:
                path.mkdir()
            elif isinstance(content, dict) and path.suffix == ".npz":
                np.savez(path, **content)
            elif isinstance(content, dict):
                pa = pytest.importorskip("pyarrow")
                from pyarrow import parquet

                parquet.write_table(pa.table(content), path)
            else:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())


def of(command: tuple[str, ...], name: str = "t.csv") -> Callable[..., Fault]:
    """Return what makes faults of a command from the content of a file, the line and further settings."""

    def fault(content: Any, line: str, *more: str) -> Fault:
        is_setting = more and not more[0].startswith("--")
        return Fault((*command, *(settings(*more) if is_setting else more)), line, {name: content})

    return fault


train, parquet, npz, init = of(CSV), of(PARQUET, "t.parquet"), of(NPZ, "t.npz"), of(INIT)
predict, evaluate = of(PREDICT), of(EVALUATE)


def compare(line: str, *more: str, **files: str) -> Fault:
    return Fault((*COMPARE, *settings(*more)), line, {name.replace("_", "."): text for name, text in files.items()})


GOOD = "a,c,y\n1,u,no\n2,v,yes\n3,u,no\n4,v,yes\n"
NUMBERS = "a,b,y\n1,10,0.5\n2,20,1.5\n3,30,2.5\n4,40,3.5\n"
ROW = "age,city\n30,Rome\n"
HERE, ALL = "t.csv: training x: ", "fills values in, and data.exclude leaves columns out"
MISSING = f'the transform "impute" (data.transforms) {ALL}'
EXCLUDE = 'data.exclude = ["{}"]'
ONE_HOT = f'remedies: a transform (data.transforms = ["one-hot"]) or {EXCLUDE}'
IMPUTE = f'remedies: a transform (data.transforms = ["impute"]) or {EXCLUDE}'
DATES = f"remedies: numbers in its place (year, month, days since a day), or {EXCLUDE}"
CHOICE = '"number", "text", "all", or a list of names and of numbers from 0'
ANOTHER = "--target COLUMN names another column"
TODAY = dt.date(2024, 3, 1)

FILES = {
    "a short row": train("a,b,y\n1,2,no\n3,yes\n", "t.csv: line 3: 2 cells, the first row has 3"),
    "a long row": train("a,b,y\n1,2,no\n3,4,yes,5\n", "t.csv: line 3: 4 cells, the first row has 3"),
    "a NUL": train("a,y\n1,no\n2\0,yes\n", "t.csv: line 3: a NUL byte; is this a text file?"),
    "Latin-1": train(
        "a,y\n1,no\n2,été\n".encode("latin-1"),
        "t.csv: line 3: byte 0xe9 is not UTF-8; save the file as CSV, in UTF-8",
    ),
    "UTF-16": init(
        GOOD.encode("utf-16"), "t.csv: line 1: byte 0xff is not UTF-8; save the file as CSV, in UTF-8"
    ),
    "an .xlsx file": train(
        b"PK\3\4\x14\0" + bytes(90),
        "t.csv: is a ZIP archive, as .xlsx files are; save the table as CSV, in UTF-8",
    ),
    "nothing": train("", "t.csv: is empty; a line with the names of the columns is expected"),
    "blank lines": init("\n\n", "t.csv: is empty; a line with the names of the columns is expected"),
    "a header only": train("a,y\n", "t.csv: no rows after the header"),
    "a name twice": train("a,a,y\n1,2,no\n", "t.csv: line 1: two columns have the name 'a'"),
    "an empty name": train("a,,y\n1,2,no\n", "t.csv: line 1, column 2 (counted from 1): the name is empty"),
    "a quote left open": train('a,y\n1,"no\n2,yes\n', 't.csv: line 2: a cell that begins with " does not end'),
    "semicolons": train(
        "a;y\n1;no\n",
        "t.csv: line 1: one cell, 'a;y', with the separator ','; it seems to be ';': data.separator = \";\"",
    ),
    "tabs": train(
        "a\ty\n1\tno\n",
        "t.csv: line 1: one cell, 'a\\ty', with the separator ','; it seems to be a tab, '\\t': "
        'data.separator = "\\t"',
    ),
    "no header": train(
        "1,2,0\n3,4,1\n",
        "t.csv: line 1: no column 'y' (is this line data, and the header missing?); the columns are '1', '2', '0'",
    ),
    "a folder": train(None, "t.csv: is a folder; a file is expected"),
    "no file": Fault(CSV, "t.csv: cannot be read: No such file or directory"),
    "a table as a configuration": Fault(
        ("train", "t.csv", "--out", "new"), "t.csv: is not TOML: …", {"t.csv": GOOD}
    ),
}  # fmt: skip

CELLS = {
    "text": train(
        "a,b,y\n1,2,no\n3,tall,yes\n",
        f"t.csv: line 3, column 'b': 'tall'; a finite number is expected; {ONE_HOT.format('b')}",
    ),
    "an empty cell": train(
        "a,b,y\n1,2,no\n,4,yes\n",
        f"t.csv: line 3, column 'a': empty; a finite number is expected; {IMPUTE.format('a')}",
    ),
    "NA": train(
        "a,b,y\n1,2,no\nNA,4,yes\n",
        f"t.csv: line 3, column 'a': 'NA'; a finite number is expected; {IMPUTE.format('a')}",
    ),
    "a question mark": train(
        "a,b,y\n1,2,no\n?,4,yes\n",
        "t.csv: line 3, column 'a': '?'; a finite number is expected; if it stands for a missing value: "
        f'data.missing = ["", "?"]; {ONE_HOT.format("a")}',
    ),
    "a decimal comma": train(
        "a;y\n1,5;no\n3,5;yes\n",
        "t.csv: line 2, column 'a': '1,5'; a finite number is expected; if ',' is the decimal mark: "
        f'data.decimal = ","; {ONE_HOT.format("a")}',
        "data.separator=;",
    ),
    "a decimal comma among commas": train(
        'a,y\n"1,5",no\n"3,5",yes\n',
        "t.csv: line 2, column 'a': '1,5'; a finite number is expected; if ',' is the decimal mark: write '.'; …",
    ),
    "decimal commas as text": train(
        "a;y\n1,5;no\n3,5;yes\n",
        "t.csv: line 2, column 'a': '1,5'; the column holds numbers with the decimal mark ','; "
        'remedies: data.decimal = ",", or data.exclude = ["a"]',
        "data.separator=;", "data.transforms=['one-hot']",
    ),
    **{
        f"a date, {style}": train(
            f"a,d,y\n1,{date},no\n2,{date},yes\n",
            f"t.csv: line 2, column 'd': '{date}'; a finite number is expected; {DATES.format('d')}",
        )
        for style, date in (("ISO", "2024-03-01"), ("points", "01.03.2024"), ("slashes", "03/01/2024 12:30"))
    },
    "dates as text": train(
        "d,y\n2024-03-01,no\n2024-03-02,yes\n",
        f"t.csv: line 2, column 'd': '2024-03-01'; the column holds dates; {DATES.format('d')}",
        "data.transforms=['one-hot']",
    ),
    "infinity": train("a,y\n1,no\ninf,yes\n", "t.csv: line 3, column 'a': 'inf'; a finite number is expected"),
    "infinity and transforms": train(
        "a,y\n1,no\n-inf,yes\n",
        "t.csv: line 3, column 'a': '-inf'; a finite number is expected",
        "data.transforms=['standard']",
    ),
    "beyond float64": train("a,y\n1,no\n1e999,yes\n", "t.csv: line 3, column 'a': '1e999'; a finite number …"),
    "beyond float32": train(
        "a,y\n1e300,no\n2,yes\n",
        "t.csv: training x: row 0, column 0 (counted from 0) is 1e+300, which float32 cannot hold",
        "dtype=float32",
    ),
    "a long text": train(
        f"a,y\n{'x' * 1001},no\nb,yes\n",
        f"t.csv: line 2, column 'a': '{'x' * 59}…", "data.transforms=['one-hot']",
    ),
}  # fmt: skip

TARGETS = {
    "no target": train(
        "a,y\n1,no\n2,\n", "t.csv: line 3, column 'y': empty; every row needs a target: remove this row"
    ),
    "a missing number": init(
        "a,y\n1,0.5\n2,NA\n3,1.5\n",
        "t.csv: line 3, column 'y': 'NA', a missing value; every row needs a target: remove this row, "
        "or take it out of data.missing",
    ),
    "one class": train("a,y\n1,no\n2,no\n", "t.csv: training y has one class, 'no'; at least two are needed"),
    "no such column": train("a,b\n1,2\n", "t.csv: line 1: no column 'y'; the columns are 'a', 'b'"),
    "a misspelt column": train(
        "a,price\n1,2\n",
        "t.csv: line 1: no column 'prize'; the columns are 'a', 'price'; did you mean 'price'?",
        "data.target=prize",
    ),
    "no key": Fault(("train", *settings("data.kind=csv", "data.path=t.csv")), "data.target: is required"),
    "an infinite number": train(
        "a,y\n1,0.5\n2,inf\n", "t.csv: line 3, column 'y': 'inf'; a finite number is expected", *NUMBER
    ),
    "text for a number": train(
        "a,y\n1,0.5\n2,much\n",
        "t.csv: line 3, column 'y': 'much'; a finite number is expected", "data.target_type=number",
    ),
    "a number for an integer": train(
        "a,y\n1,1\n2,1.5\n",
        "t.csv: line 3, column 'y': '1.5'; an integer of 64 bits, without + and leading zeros, is expected",
        "data.target_type=integer",
    ),
    "a type of target": train(
        GOOD, "data.target_type: 'float' should be 'auto', 'integer', 'text' or 'number'", "data.target_type=float"
    ),
    "more classes than outputs": train(
        "a,y\n1,no\n2,yes\n3,maybe\n",
        "network.layers.0: the output layer has 2 units, the data has 3 classes; allowed: 3",
    ),
    "accuracy of numbers": train(
        NUMBERS, "metrics.0: accuracy needs classes, and the targets are numbers; allowed: …",
        NUMBER[1], "metrics=['accuracy']",
    ),
}  # fmt: skip

ROLES = {
    "target and weight": train(NUMBERS, "t.csv: line 1: column 'y' cannot be both target and weight", "data.weight=y"),
    "target and group": train(NUMBERS, "t.csv: line 1: column 'y' cannot be both target and group", "data.group=y"),
    "a target as a feature": train(
        NUMBERS, "t.csv: line 1: column 'y' cannot be both target and a feature", "data.columns=['a', 'y']"
    ),
    "an unknown weight": train(
        NUMBERS,
        "t.csv: line 1: no column 'w', which is to hold the weights; the columns are 'a', 'b', 'y'", "data.weight=w",
    ),
    "a weight below 0": train(
        "a,w,y\n1,-1,no\n2,1,yes\n",
        "t.csv: line 2, column 'w': -1; a weight of at least 0 is expected", "data.weight=w",
    ),
    "a missing weight": train(
        "a,w,y\n1,,no\n2,1,yes\n", "t.csv: line 2, column 'w': empty; a finite number is expected", "data.weight=w"
    ),
    "a missing group": train(
        "a,g,y\n1,,no\n2,1,yes\n", "t.csv: line 2, column 'g': empty; a group is expected", "data.group=g"
    ),
    "exclude: unknown": train(
        NUMBERS, "t.csv: line 1: no column 'id', which data.exclude names; the columns are 'a', 'b', 'y'",
        "data.exclude=['id']",
    ),
    "columns: unknown": train(
        NUMBERS, "t.csv: line 1: no column 'id', which data.columns names; the columns are 'a', 'b', 'y'",
        "data.columns=['id']",
    ),
    "exclude: everything": train(
        NUMBERS,
        "t.csv: line 1: no column besides 'y' and 'a', 'b', which data.exclude names; at least one feature is needed",
        "data.exclude=['a', 'b']",
    ),
    "columns: none": train(NUMBERS, "data.columns: should have 1 or more entries, got 0", "data.columns=[]"),
    "columns: text": train(
        NUMBERS, "data.columns: 'a' should be a list; did you mean 'data.columns = [\"a\"]'?", "data.columns=a"
    ),
    "columns and exclude": train(
        NUMBERS, "t.csv: line 1: column 'a' is both in data.columns and in data.exclude",
        "data.columns=['a']", "data.exclude=['a']",
    ),
    "a separator of two": train(
        NUMBERS, "data.separator: 'tab' should be one character; a tab is \"\\t\"", "data.separator=tab"
    ),
    "a decimal mark as separator": train(
        NUMBERS, "data: decimal and separator are both ','; they should differ", "data.decimal=,"
    ),
    "a misspelt option": train(
        NUMBERS, "data.seperator: unknown option; did you mean 'separator'? (allowed: …", "data.seperator=;"
    ),
    "a weight of no class": train(
        "a,y\n1,no\n2,yes\n", "data.class_weight: 'maybe' is not a label; the labels are 'no', 'yes'",
        "data.class_weight={maybe=2}",
    ),
}  # fmt: skip

SHARES = {
    "nothing left": train(
        "a,y\n1,0.5\n2,1.5\n",
        "t.csv: training samples: data.validation_share = 0.5 needs a sample to spare, and there is only one",
        "data.test_share=0.5", "data.validation_share=0.5",
    ),
    "one sample a class": train(
        "a,y\n1,no\n2,yes\n",
        "t.csv: training samples: data.test_share = 0.2 needs a sample to spare, and no class has more than one",
        "data.test_share=0.2",
    ),
    "everything": train(NUMBERS, "data.test_share: 1 should be less than 1", "data.test_share=1"),
    "percent": train(NUMBERS, "data.validation_share: 20 should be less than 1", "data.validation_share=20"),
    "one group": train(
        "a,g,y\n1,u,no\n2,u,yes\n",
        "t.csv: training samples: data.test_share = 0.3 holds out whole groups, and there is only one",
        "data.group=g", "data.test_share=0.3",
    ),
    "groups that are classes": train(
        "a,g,y\n1,u,no\n2,v,yes\n3,u,no\n",
        "t.csv: training samples: data.test_share = 0.3 holds out whole groups, and each of the 2 has all samples "
        "of a class",
        "data.group=g", "data.test_share=0.3",
    ),
}  # fmt: skip


def further(content: str, line: str, table: str = GOOD, *more: str) -> Fault:
    """Return a fault of the file of test samples."""
    changes = ("data.test_path=v.csv", "data.transforms=['one-hot']", *more)
    return Fault((*CSV, *settings(*changes)), line, {"t.csv": table, "v.csv": content})


OTHER_FILES = {
    "a column less": further(
        "a,y\n1,no\n", "v.csv: line 1: no column 'c', which the training file has; the columns are 'a', 'y'"
    ),
    "a column more": further("a,c,z,y\n1,u,2,no\n", "v.csv: line 1: column 'z' is not in the training file"),
    "text": further("a,c,y\ntall,u,no\n", "v.csv: line 2, column 'a': 'tall'; a finite number is expected, as in …"),
    "a new class": further(
        "a,c,y\n1,u,maybe\n",
        "v.csv: test y: row 0 (counted from 0) is 'maybe', unseen in training; the labels there are 'no', 'yes'",
    ),
    "a new category": further(
        "a,c,y\n1,u,no\n1,x,no\n",
        "v.csv: test x: one-hot (data.transforms.0): line 3, column 'c' is 'x', which the training rows have not; "
        "known are 'u', 'v' (unknown = \"ignore\" allows others)",
    ),
}  # fmt: skip


def transforms(content: str, line: str, value: str, *more: str) -> Fault:
    return train(content, line, f"data.transforms={value}", *more)


def target_transform(content: str, line: str, value: str) -> Fault:
    return train(content, line, f"data.target_transform={value}", NUMBER[1])


FIRST = "data.transforms.0"
TRANSFORMS = {
    "unknown": transforms(NUMBERS, f"{FIRST}: unknown transform 'standrd'; did you mean 'standard'?", "['standrd']"),
    "of scikit-learn": transforms(NUMBERS, f"{FIRST}: unknown transform 'OneHotEncoder'; did you mean …",
                                  "['OneHotEncoder']"),
    "no list": transforms(
        NUMBERS, "data.transforms: 'standard' should be a list; did you mean 'data.transforms = [\"standard\"]'?",
        "standard",
    ),
    "an unknown option": transforms(
        NUMBERS, f"{FIRST}.colums: unknown option; did you mean 'columns'? (allowed: columns)",
        "[{kind='standard', colums=['a']}]",
    ),
    "an unknown column": transforms(
        "age,size,y\n1,2,0.5\n",
        f"{FIRST}.columns: there is no column 'Age'; the columns are 'age', 'size'; did you mean 'age'?",
        "[{kind='standard', columns=['Age']}]",
    ),
    "a number too large": transforms(
        NUMBERS,
        f"{FIRST}.columns: 2: there is no column of this number; columns are counted from 0, up to 1, and are …",
        "[{kind='standard', columns=[2]}]",
    ),
    "a number below 0": transforms(
        NUMBERS, f"{FIRST}.columns: [-1] is no choice of columns; allowed: {CHOICE}",
        "[{kind='standard', columns=[-1]}]",
    ),
    "no columns": transforms(
        NUMBERS, f"{FIRST}.columns: [] is no choice of columns; allowed: {CHOICE}", "[{kind='standard', columns=[]}]"
    ),
    "no text": transforms(NUMBERS, f"{FIRST}: one-hot: there are no columns of type text", "['one-hot']"),
    "no numbers": transforms(
        "c,y\nu,no\nv,yes\n", f"{FIRST}: standard: there are no columns of type number", "['standard']"
    ),
    "replaced": transforms(
        GOOD, "data.transforms.1.columns: there is no column 'c'; the columns are 'a', 'c=u', 'c=v'",
        "['one-hot', {kind='one-hot', columns=['c']}]",
    ),
    "standard of text": transforms(
        GOOD,
        f"{HERE}{FIRST}: standard takes numbers; column 'c' holds text (line 2: 'u'); "
        'remedies: columns = "number", or one-hot before it',
        "[{kind='standard', columns='all'}]",
    ),
    "text left": transforms(
        GOOD,
        f"{HERE}column 'c' holds text (line 2: 'u'); numbers are needed: data.transforms = [\"one-hot\"] makes "
        f"numbers of it, {EXCLUDE.format('c')} leaves it out",
        "['standard']",
    ),
    "a question mark left": transforms(
        "a,y\n1,no\n?,yes\n",
        f"{HERE}column 'a' holds text (line 3: '?'; if it stands for a missing value: data.missing = [\"\", \"?\"]); …",
        "['passthrough']",
    ),
    "standard without impute": transforms(
        "a,b,y\n1,2,no\n,4,yes\n", f"{HERE}line 3, column 'a' is missing; standard ({FIRST}) takes none: {MISSING}",
        "['standard']",
    ),
    "one-hot without impute": transforms(
        "a,c,y\n1,u,no\n2,,yes\n3,v,no\n",
        f"{HERE}line 3, column 'c' is missing; one-hot ({FIRST}) takes none: {MISSING}", "['one-hot']",
    ),
    "missing to the end": transforms(
        "a,y\n1,no\n,yes\n", f"{HERE}line 3, column 'a' is missing; {MISSING}", "['passthrough']"
    ),
    "log below 0": transforms(
        "a,y\n1,no\n\n-2,yes\n",
        f"{HERE}log ({FIRST}): line 4, column 'a' is -2; the logarithm is taken of numbers above 0; `offset` moves …",
        "['log']",
    ),
    "a constant of another type": transforms(
        GOOD, f"{HERE}impute ({FIRST}): column 'c' holds text, and value = 0 is a number; "
        'columns = "number" leaves it out',
        "[{kind='impute', strategy='constant', value=0}]",
    ),
    "no constant": transforms(
        NUMBERS, f'{FIRST}: strategy = "constant": value is needed for "constant", and only there',
        "[{kind='impute', strategy='constant'}]",
    ),
    "a strategy of scikit-learn": transforms(
        NUMBERS, f"{FIRST}.strategy: 'most_frequent' should be 'median', 'mean', 'most-frequent' or 'constant'",
        "[{kind='impute', strategy='most_frequent'}]",
    ),
    "no values": transforms(
        "a,b,y\n1,,no\n2,,yes\n", f"{HERE}impute ({FIRST}): column 'b' has no values at all in the training rows",
        "['impute']",
    ),
    "no such category": transforms(
        "c,y\nlow,no\nhigh,yes\nmid,no\n",
        f"{HERE}ordinal ({FIRST}): line 4, column 'c' is 'mid', which is none of `categories`; known are 'low', "
        "'high' (unknown = \"ignore\" allows others)",
        "[{kind='ordinal', categories=['low', 'high']}]",
    ),
    "target: of classes": train(
        "a,y\n1,no\n2,yes\n", "data.target_transform: the targets are classes, not numbers; allowed: none",
        "data.target_transform=log",
    ),
    "target: without a way back": target_transform(
        NUMBERS, "data.target_transform: one-hot cannot be undone in predictions; allowed: transforms that can, …",
        "one-hot",
    ),
    "target: log below 0": target_transform(
        "a,y\n1,-0.5\n2,1.5\n",
        "t.csv: training y: log (data.target_transform): row 0, column 0 (counted from 0) is -0.5; the logarithm is "
        "taken of numbers above 0; `offset` moves that",
        "log",
    ),
    "target: unknown": target_transform(
        NUMBERS, "data.target_transform: unknown transform 'logg'; did you mean 'log'?", "logg"
    ),
    "in a file": Fault(
        ("train", "t.toml", "--out", "new"), "t.toml: data.transforms.1: unknown transform 'scale'; …",
        {"t.toml": CONFIG.replace('"one-hot"', '"scale"')},
    ),
}  # fmt: skip

TYPED_FILES = {
    "null": parquet(
        {"a": [1.0, None], "y": ["no", "yes"]},
        f"t.parquet: row 1 (counted from 0), column 'a' is null; every value is needed; {IMPUTE.format('a')}",
    ),
    "nan": parquet(
        {"b": [1, 2], "a": [1.0, np.nan], "y": ["no", "yes"]},
        f"t.parquet: row 1 (counted from 0), column 'a' is nan; a finite number is expected; {IMPUTE.format('a')}",
    ),
    "infinity": parquet(
        {"a": [1.0, None, np.inf], "y": ["no", "yes", "no"]},
        "t.parquet: row 2 (counted from 0), column 'a' is inf; a finite number is expected",
        "data.transforms=['impute']",
    ),
    "text": parquet(
        {"a": ["u", "v"], "y": ["no", "yes"]},
        f"t.parquet: column 'a' holds string values; allowed are integers, bools and floats; {ONE_HOT.format('a')}",
    ),
    "dates": parquet(
        {"a": [TODAY, TODAY], "y": ["no", "yes"]},
        f"t.parquet: column 'a' holds date32[day] values; {DATES.format('a')}",
    ),
    "lists": parquet(
        {"a": [[1], [2]], "y": ["no", "yes"]},
        "t.parquet: column 'a' holds list<element: int64> values; allowed are integers, bools and floats; "
        f"remedies: another type, or {EXCLUDE.format('a')}",
    ),
    "no target": parquet({"a": [1, 2]}, "t.parquet: no column 'y'; the columns are 'a'"),
    "a missing target": parquet(
        {"a": [1, 2], "y": ["no", None]}, "t.parquet: row 1 (counted from 0), column 'y' is null; every value is needed"
    ),
    "no rows": parquet({"a": np.zeros(0), "y": np.zeros(0)}, "t.parquet: holds no rows"),
    "damaged": parquet(b"PAR1xxxxPAR1", "t.parquet: not a readable Parquet file: …"),
    "a CSV file": parquet(GOOD, "t.parquet: not a readable Parquet file: …"),
    "an option of CSV files": parquet(
        {"a": [1, 2], "y": ["no", "yes"]},
        "data.separator: unknown option; did you mean 'data = {kind = \"csv\", …", "data.separator=;",
    ),
    "an array of another name": npz(
        {"z": np.eye(2), "y": np.array([0, 1])}, "t.npz: no array 'x'; the arrays in it are: 'z', 'y'"
    ),
    "objects": npz(
        {"x": np.array([[1, None]], dtype=object), "y": np.array([1])},
        "t.npz: array 'x': holds 'object' elements; allowed are numbers and text, no Python objects",
    ),
    "arrays without names of columns": npz(
        {"x": np.eye(2), "y": np.array([0, 1])},
        "data.transforms.0.columns: there is no column 'a'; the columns have no names, only numbers, 0 to 1",
        "data.transforms=[{kind='standard', columns=['a']}]", "optimizer.batch_size=1",
    ),
}  # fmt: skip

SUGGESTED = {
    "no file": Fault(INIT, "t.csv: cannot be read: No such file or directory"),
    "a folder": init(None, "t.csv: is a folder; a file is expected"),
    "a spreadsheet": Fault(
        ("init", "t.xlsx", "--out", "new.toml"),
        "t.xlsx: unknown format; allowed: a .csv, .parquet or .npz file; save a spreadsheet, or text with another "
        "ending, as .csv", {"t.xlsx": b"PK"},
    ),
    "no target": init(GOOD, "t.csv: no column 'z'; the columns are 'a', 'c', 'y'", "--target", "z"),
    "a misspelt target": init(
        "age,price,y\n1,2,no\n", "t.csv: no column 'pric'; the columns are 'age', 'price', 'y'; did you mean 'price'?",
        "--target", "pric",
    ),
    "two targets": init(
        "target,label,a\n1,no,2\n",
        "t.csv: which column is the target? 'target', 'label' could be; --target COLUMN says it",
    ),
    "one row": init(
        "a,y\n1,no\n", f"t.csv: column 'y': holds 'no' in all rows, so there is nothing to predict; {ANOTHER}"
    ),
    "one column": init("y\nno\nyes\n", "t.csv: one column, 'y'; a target and at least one feature are needed"),
    "no header": init(
        "1,2,0\n3,4,1\n5,6,0\n",
        "t.csv: line 1 holds only numbers, '1', '2', '0'; is it data, and the header missing? If these are names: "
        "--target COLUMN says which one to predict",
    ),
    "nothing but identifiers": init(
        "id,name,day,y\n" + "".join(f"{row},n{row},2024-01-{row + 1:02},{row % 2}\n" for row in range(12)),
        "t.csv: no column is left as a feature: 'id' numbers the rows: a different whole number in each; 'name' "
        "identifies the rows: all its 12 texts differ; 'day' holds dates, which would have to be made numbers …",
    ),
    "a target of dates": init(
        f"a,y\n1,{TODAY}\n2,2024-03-02\n", f"t.csv: column 'y': holds dates, which cannot be predicted; {ANOTHER}"
    ),
    "a target of names": init(
        "a,y\n" + "".join(f"{row % 4},n{row}\n" for row in range(30)),
        f"t.csv: column 'y': 30 different texts in 30 rows are no classes; {ANOTHER}",
    ),
    "infinity to predict": init(
        "a,y\n1,0.5\n2,inf\n", "t.csv: line 3, column 'y': 'inf'; a finite number is expected"
    ),
    "a file that is there": Fault(
        ("init", "people.csv", "--out", "people.toml"), "--out people.toml: exists already; --force replaces it"
    ),
    "an --out without a folder": init(
        GOOD, "--out nowhere/a.toml: cannot be written: No such file or directory", "--out", "nowhere/a.toml"
    ),
    "no test samples": init(GOOD, "v.csv: cannot be read: No such file or directory", "--test", "v.csv"),
    "no array of targets": Fault(
        ("init", "t.npz", "--out", "new.toml"),
        "t.npz: which array holds the targets? The arrays are 'x'; --target ARRAY names it",
        {"t.npz": {"x": np.eye(3)}},
    ),
}  # fmt: skip

KNOWN = "which the network was trained with; the columns are"
OF_TWO = "is for a network that predicts one of two classes, and this predicts"
PREDICTED = {
    "a missing column": predict(
        "age\n30\n", f"t.csv: line 1: no column 'city', {KNOWN} 'age'; if this line is a row: --no-header"
    ),
    "a column in capitals": predict(
        "Age,city\n30,Rome\n",
        f"t.csv: line 1: no column 'age', {KNOWN} 'Age', 'city'; if this line is a row: --no-header; "
        "did you mean 'Age'?",
    ),
    "an unknown category": predict(
        "age,city\n30,Rome\n31,Paris\n",
        "t.csv: one-hot: line 3, column 'city' is 'Paris', which the training rows have not; known are 'Bonn', "
        "'Oslo', 'Rome' (unknown = \"ignore\" allows others)",
    ),
    "text for a number": predict(
        "age,city\n30,Rome\nold,Oslo\n",
        "t.csv: line 3, column 'age': 'old'; a finite number is expected, as in training",
    ),
    "a decimal comma": predict(
        'age,city\n"30,5",Rome\n',
        "t.csv: line 2, column 'age': '30,5'; a finite number is expected, as in training; "
        "if ',' is the decimal mark: write '.'",
    ),
    "a missing text": predict(
        "age,city\n30,\n", f"t.csv: line 2, column 'city' is missing; one-hot takes none: {MISSING}"
    ),
    "semicolons": predict(
        "age;city\n30;Rome\n",
        "t.csv: line 1: one cell, 'age;city', with the separator ','; it seems to be ';': --separator ';'",
    ),
    "no header": predict(
        "30,Rome\n", f"t.csv: line 1: no column 'age', 'city', {KNOWN} '30', 'Rome'; if this line is a row: --no-header"
    ),
    "a cell less": predict("age,city\n30,Rome\n31\n", "t.csv: line 3: 1 cell, the first row has 2"),
    "no rows": predict("age,city\n", "t.csv: no rows after the header"),
    "empty standard input": Fault(
        ("predict", "run", "-", "--out", "new.csv"),
        "<stdin>: is empty; a line with the names of the columns is expected",
    ),
    "a bad row on standard input": Fault(
        ("predict", "run", "-", "--out", "new.csv"), "<stdin>: line 2: 1 cell, the first row has 2", {},
        b"age,city\n30\n",
    ),
    "a column to keep": predict(
        ROW, "t.csv: line 1: no column 'id', which is to be kept; the columns are 'age', 'city'", "--keep", "id"
    ),
    "a threshold of numbers": Fault(
        ("predict", "numbers", "t.csv", "--threshold", "0.5", "--out", "new.csv"), f"--threshold 0.5: {OF_TWO} numbers",
        {"t.csv": ROW},
    ),
    "a threshold of three classes": Fault(
        ("predict", "three", "t.csv", "--threshold", "0.5", "--out", "new.csv"), f"--threshold 0.5: {OF_TWO} 3 classes",
        {"t.csv": ROW},
    ),
    "a threshold above 1": predict(ROW, "--threshold 1.5: is no probability; allowed: 0 to 1", "--threshold", "1.5"),
    "a threshold of text": predict(
        ROW, "Invalid value for '--threshold': 'half' is not a valid float.", "--threshold", "half"
    ),
    "an unknown class": predict(
        ROW, "--positive maybe: is no class of the network; allowed: 'no', 'yes'",
        "--threshold", "0.5", "--positive", "maybe",
    ),
    "dates in Parquet": Fault(
        ("predict", "run", "t.parquet", "--out", "new.csv"),
        "t.parquet: column 'age' holds date32[day] values; numbers are expected, as in training",
        {"t.parquet": {"age": [TODAY], "city": ["Rome"]}},
    ),
    "a spreadsheet": Fault(
        ("predict", "run", "t.xlsx", "--out", "new.csv"),
        "t.xlsx: is a ZIP archive, as .xlsx files are; save the table as CSV, in UTF-8",
        {"t.xlsx": b"PK\3\4\x14\0" + bytes(90)},
    ),
}  # fmt: skip

EVALUATED = {
    "no target": evaluate(ROW, "t.csv: line 1: no column 'bought'; the columns are 'age', 'city'"),
    "a missing column": evaluate("age,bought\n30,no\n", f"t.csv: line 1: no column 'city', {KNOWN} 'age', 'bought'"),
    "a new class": evaluate(
        "age,city,bought\n30,Rome,maybe\n",
        "t.csv: training y: row 0 (counted from 0) is 'maybe', unseen in training; the labels there are 'no', 'yes'",
    ),
    "a missing target": evaluate(
        "age,city,bought\n30,Rome,\n",
        "t.csv: line 2, column 'bought': empty; every row needs a target: remove this row",
    ),
    "a part that there is not": Fault(
        ("evaluate", "run", "--part", "test"), "--part test: the data has none; allowed: train"
    ),
    "a spreadsheet": Fault(
        ("evaluate", "run", "--data", "t.xlsx"),
        "--data t.xlsx: unknown format; allowed: a .csv, .npz or .parquet file, a folder of IDX or NPY files",
    ),
}  # fmt: skip

COMPARED = {
    "an unknown key": compare(
        "people.toml: data.excludes: unknown option; did you mean 'exclude'? (allowed: …", "data.excludes=id,city"
    ),
    "an unknown value": compare(
        "people.toml: data.transforms.0: unknown transform 'imputee'; did you mean 'impute'?",
        "data.transforms.0=impute,imputee",
    ),
    "an index too large": compare(
        "--set data.transforms.5=standard: 'data.transforms' has 2 entries; allowed: 0 to 1",
        "data.transforms.5=standard,robust",
    ),
    "an empty value": compare(
        "--set optimizer.rule=plain,: there is no value before or after a comma", "optimizer.rule=plain,"
    ),
    "a share": compare(
        "people.toml: data.validation_share: 2 should be less than 1", "data.validation_share=0.2,2"
    ),
    "a target": compare(
        "people.csv: line 1: no column 'boght'; the columns are 'id', 'age', 'city', 'bought'; did you mean 'bought'?",
        "data.target=bought,boght",
    ),
    "a short row": compare(
        "people.csv: line 14: 2 cells, the first row has 4", "optimizer.rule=plain,adam", people_csv=PEOPLE + "p9,2\n"
    ),
    "too many folds": Fault(
        (*COMPARE, *settings("optimizer.rule=plain,adam"), "--folds", "20"),
        "--folds 20: class 'no' has 6 samples; allowed: 2 to 6",
    ),
}  # fmt: skip

FAULTS: dict[str, Fault] = {
    f"{group}: {name}": fault
    for group, faults in {
        "file": FILES,
        "cell": CELLS,
        "target": TARGETS,
        "role": ROLES,
        "share": SHARES,
        "test file": OTHER_FILES,
        "transform": TRANSFORMS,
        "typed": TYPED_FILES,
        "init": SUGGESTED,
        "predict": PREDICTED,
        "evaluate": EVALUATED,
        "compare": COMPARED,
    }.items()
    for name, fault in faults.items()
}
