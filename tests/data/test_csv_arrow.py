"""Both readers of CSV files give the same: pyarrow's where a file has nothing unusual, and Python's for any."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modnet.core.errors import DataError
from modnet.data.csv import arrow
from modnet.data.csv.arrow import read_fast
from modnet.data.csv.columns import Column, Content, read_columns
from modnet.data.csv.reading import read_rows, read_table
from modnet.data.csv.rows import CsvFormat, Source
from modnet.data.roles import Roles

pytest.importorskip("pyarrow")


@pytest.fixture(autouse=True)
def _small_files_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "LEAST_BYTES", 0)


def same(fast: Content, slow: Content) -> bool:
    bits = fast.values.tobytes() == slow.values.tobytes()  # of NaN, too
    rest = [(content.texts, content.missing, list(content.lines), content.cells) for content in (fast, slow)]
    return bits and rest[0] == rest[1]


def both(path: Path, kinds: list[Any], width: int, cells: tuple[int, ...] = (), **options: Any) -> tuple[Any, Any]:
    """What the two readers give, None for what is refused."""
    columns = [Column(position, position, kind, kind != "number") for position, kind in enumerate(kinds)]
    has_header = options.pop("has_header", True)
    with Source(path, CsvFormat(**options)) as source:
        fast = read_fast(source, columns, cells, width, has_header=has_header)
        try:
            slow = read_columns(source, columns, cells, width, has_header=has_header)
        except DataError:
            slow = None
    return fast, slow


NUMBERS = ["0", "-0", "1.5", "-2.25e-3", "1e308", "5e-324", "0.1", "123456789012345678901234567890", "4.", ".5", "1E5"]
NUMBERS += ["2.2250738585072011e-308", "9007199254740993", "0.30000000000000004", " 7", "8 "]
TEXTS = ["Berlin", "Zürich", "New York", " Rome", "x\u00a0", "007", "日本", "a'b"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ","), ("\t", ".")])
@pytest.mark.parametrize("has_header", [True, False])
def test_the_same_bits_and_texts(tmp_path: Path, end: str, separator: str, decimal: str, has_header: bool) -> None:
    rng = random.Random(0)  # noqa: S311 -- to be repeated
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=end)
    if has_header:
        writer.writerow(["a", "b", "c", "d", "e"])
    for row in range(40_000):
        number = rng.choice(NUMBERS) if row % 3 else repr(rng.gauss(0, 10.0 ** rng.randint(-30, 30)))
        number = number.replace(".", decimal)
        missing = rng.choice(["", "NA", "null", " NA"])
        texts = rng.choice(TEXTS), rng.choice([*TEXTS, "", "NA", " nan "])
        writer.writerow([number, rng.choice([number, missing]), *texts, row % 7])
    path = tmp_path / "t.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    assert path.stat().st_size > 1 << 20  # pyarrow reads it in pieces
    options = {"separator": separator, "decimal": decimal, "has_header": has_header}
    fast, slow = both(path, ["number", None, None, "text"], 5, (4,), **options)
    assert same(fast, slow)
    assert fast.texts[2] == list(dict.fromkeys(fast.texts[2]))
    fast, slow = both(path, ["number", None], 5, (4,), **options)  # and columns that are not read
    assert same(fast, slow)


UNUSUAL = [
    "a,b\n\ufeffx,2\n",
    "\ufeff\ufeffa,b\nx,2\n",
    'a,b\n1,"2"\n',
    'a,b\n1,"x\ny"\n',
    '"a",b\n1,2\n',
    "a,b\n1,2\n\n3,4\n",
    "\na,b\n1,2\n",
    "a,b\r1,2\r3,4\r",
    "a,b\n1,2\n3\n",
    "a,b\n1,2\n3,4,5\n",
    "a,b\n1,2\nx,4\n",
    "a,b\n+1,2\n",
    "a,b\n1_0,2\n",
    "a,b\n0x10,2\n",
    "a,b\n1,inf\n",
    "a,b\n1,2\n1,1e999\n",
    "a,b\n1,-nan\n",
    "a,b\n1,١\n",
    "a,b\n1,x\0\n",
    "a,b\n1,2\n" + "3,4\n" * 200 + "5,y\n",
    "a,b\n1," + "0" * 140_000 + "1\n",
    "a,b\n" + "1," + "x" * 140_000 + "\n",
]


@pytest.mark.parametrize("content", [*UNUSUAL, *(text.replace("\n", "\r\n") for text in UNUSUAL)])
@pytest.mark.parametrize("kinds", [["number", None], [None], ["number"]])
def test_what_is_unusual_is_left_to_python(tmp_path: Path, content: str, kinds: list[Any]) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content, encoding="utf-8", newline="")
    fast, slow = both(path, kinds, 2, () if len(kinds) == 2 else (1,))
    assert fast is None or same(fast, slow)


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b,c\n1,x,2\n2,\xe9,3\n")
    assert both(path, ["number", None, "number"], 3) == (None, None)
    assert both(path, ["number"], 3) == (None, None)


def test_missing_values_that_look_like_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for content in ("a,b\n-999,1\n2,-999\n", "a,b\n -999,1\n2,-999\n"):
        path.write_text(content)
        fast, slow = both(path, [None, None], 2, missing=frozenset({"-999"}))
        assert np.isnan(slow.values).tolist() == [[True, False], [False, True]]
        assert (fast is None) == (" " in content)
        assert fast is None or same(fast, slow)


def test_a_small_file_and_a_pipe_are_left_to_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    assert both(path, ["number", "number"], 2)[0] is not None
    monkeypatch.setattr(arrow, "LEAST_BYTES", 9)
    assert both(path, ["number", "number"], 2)[0] is None


def test_it_reads_tables_and_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "who,a,town,w,y\n" + "".join(f"p{row % 9},{row},{'xy'[row % 2]},2,{row % 3}\n" for row in range(99))
    )
    roles = Roles("y", weight="w", group="who")
    fast = read_table(path, roles, transforms=True)
    rows = read_rows(path, ("a", "town"), 2, kinds=("number", "text"), keep=("who",))
    asked: list[object] = []
    monkeypatch.setattr("modnet.data.csv.reading.read_fast", lambda *given, **_: asked.append(given))
    slow = read_table(path, roles, transforms=True)
    slow_rows = read_rows(path, ("a", "town"), 2, kinds=("number", "text"), keep=("who",))
    assert len(asked) == 2
    for one, other in ((fast.x, slow.x), (rows.x, slow_rows.x)):
        assert one.values.tolist() == other.values.tolist()
        assert {column: texts.tolist() for column, texts in one.texts.items()} == {1: ["x", "y"]}
        assert (one.text_places, one.missing_places) == (other.text_places, other.missing_places)
    for name in ("y", "weights", "groups"):
        assert getattr(fast, name).tolist() == getattr(slow, name).tolist()
    assert (fast.target_kind, rows.kept) == (slow.target_kind, slow_rows.kept)


PIECES = [
    "1",
    "2.5",
    "-0",
    "x",
    " ",
    ",",
    ",",
    "\n",
    "\n",
    "\r\n",
    "\r",
    '"',
    "NA",
    "",
    "é",
    "\ufeff",
    "1e999",
    "nan",
    "_",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=400)
@given(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.lists(st.sampled_from([None, "number", "text"]), min_size=1, max_size=2),
    st.booleans(),
)
def test_any_file_is_left_to_python_or_gives_the_same(
    tmp_path: Path, content: str, kinds: list[Any], has_header: bool
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(("a,b\n" if has_header else "") + content, encoding="utf-8", newline="")
    fast, slow = both(path, kinds, 2, () if len(kinds) == 2 else (1,), has_header=has_header)
    assert fast is None or (slow is not None and same(fast, slow))


CELLS = ["1", "-2.5", "NA", "", "x", "y ", "é", "1e5", "007", "inf", "+1"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(*[st.sampled_from(CELLS)] * 3), min_size=1, max_size=8),
    st.lists(st.sampled_from([None, "number", "text"]), min_size=1, max_size=3),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_table_is_left_to_python_or_gives_the_same(
    tmp_path: Path, rows: list[tuple[str, ...]], kinds: list[Any], end: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(end.join(["a,b,c", *map(",".join, rows)]), encoding="utf-8", newline="")
    fast, slow = both(path, kinds, 3, tuple(range(len(kinds), 3)))
    assert fast is None or (slow is not None and same(fast, slow))
