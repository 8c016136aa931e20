from __future__ import annotations

import csv
import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modnet.core.errors import DataError
from modnet.data.csv.reading import CsvTable, read_rows, read_table
from modnet.data.csv.rows import CsvFormat
from modnet.data.roles import Roles

NO_TARGET = "every row needs a target: remove this row"
ONE_HOT, IMPUTE = (
    f'; remedies: a transform (data.transforms = ["{transform}"]) or data.exclude = ["a"]'
    for transform in ("one-hot", "impute")
)


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, target: str = "y", csv_format: CsvFormat | None = None, roles=None, **options) -> CsvTable:
    return read_table(path, Roles(target, **(roles or {})), csv_format, **options)


def rows(path: Path, *arguments, **options):
    return read_rows(path, *arguments, **options).x


def refusal(path: Path, *arguments, read=read, **options) -> str:
    """The message about a file, one line, without the file's name."""
    with pytest.raises(DataError) as caught:
        read(path, *arguments, **options)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    "content",
    [
        "a,b,c\n1,x,2\n3,y,4e0\n",
        "\ufeffa,b,c\r\n1,x,2\r\n3,y,4\r\n",
        "a,b,c\r1,x,2\r3,y,4",
        '"a", b ,c\n\n 1 ,"x","2"\n\n3,y, 4\n\n',
    ],
)
def test_columns_by_name(tmp_path: Path, content: str) -> None:
    table = read(write(tmp_path, content), "b")
    assert table.features == ("a", "c")
    assert table.x.dtype == np.float64
    assert table.x.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert table.y.tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("cells", "kind", "dtype", "values"),
    [
        (["1", "-2", "0", "7"], "integer", np.int64, [1, -2, 0, 7]),
        (["007", "7"], "text", np.dtype("<U3"), ["007", "7"]),
        (["+1", "-1", "1"], "text", np.dtype("<U2"), ["+1", "-1", "1"]),
        (["-0", "0"], "text", np.dtype("<U2"), ["-0", "0"]),
        (["007", "7.5"], "number", np.float64, [[7.0], [7.5]]),
        (["1e3", "1000"], "number", np.float64, [[1000.0], [1000.0]]),
        (["1e3", "1000", "x"], "text", np.dtype("<U4"), ["1e3", "1000", "x"]),
        (["１", "1"], "text", np.dtype("<U1"), ["１", "1"]),
        (["1", "2.5"], "number", np.float64, [[1.0], [2.5]]),
        (["1.0", "2.0"], "number", np.float64, [[1.0], [2.0]]),
        (["1", "two"], "text", np.dtype("<U3"), ["1", "two"]),
        (["1_0", "20"], "text", np.dtype("<U3"), ["1_0", "20"]),
        (["a,b", 'say "ä"'], "text", np.dtype("<U7"), ["a,b", 'say "ä"']),
        (["9223372036854775807", "-9223372036854775808"], "integer", np.int64, [2**63 - 1, -(2**63)]),
        (["9223372036854775808", "1"], "text", np.dtype("<U19"), ["9223372036854775808", "1"]),
        (["NAN", "a"], "text", np.dtype("<U3"), ["NAN", "a"]),
    ],
)
def test_what_a_target_is(tmp_path: Path, cells, kind, dtype, values) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["x", "y"], *([0, cell] for cell in cells)])
    table = read(write(tmp_path, text.getvalue()))
    assert table.target_kind == kind
    assert table.y.dtype == dtype
    assert table.y.tolist() == values


def test_a_file_that_goes_with_another(tmp_path: Path) -> None:
    def training(header: str, *answers: str) -> CsvTable:
        return read(write(tmp_path, "\n".join([header, *(f"1,2,{answer}" for answer in answers)])))

    numbers, texts = training("a,b,y", "1.5", "2"), training("a,b,y", "7", "x")
    wide = read(write(tmp_path, "a,b,c,y\n1,2,3,4\n"))
    path = write(tmp_path, "b,y,a\n1,7,2\n")
    table = read(path, training=texts)
    assert (table.features, table.x.tolist(), table.y.tolist()) == (("a", "b"), [[2.0, 1.0]], ["7"])
    assert read(path, training=numbers).y.tolist() == [[7.0]]
    assert (
        refusal(path, training=wide)
        == "line 1: no column 'c', which the training file has; the columns are 'b', 'y', 'a'"
    )
    narrow = read(write(tmp_path, "a,y\n1,2\n"))
    path = write(tmp_path, "b,y,a\n1,7,2\n")
    assert refusal(path, training=narrow) == "line 1: column 'b' is not in the training file"
    later = write(tmp_path, "b,y,a\n1,7,2\n1,seven,2\n")
    expected = "line 3, column 'y': 'seven'; "
    integer = "an integer of 64 bits, without + and leading zeros, is expected"
    assert refusal(later, target_kind="integer") == expected + integer
    assert refusal(later, target_kind="number") == expected + "a finite number is expected"
    for cell in ("007", "+7", "-0", "7.0", "9" * 30):
        assert refusal(write(tmp_path, f"b,y\n1,7\n1,{cell}\n"), target_kind="integer").endswith(integer)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; a line with the names of the columns is expected"),
        (b"\n\n", "is empty; a line with the names of the columns is expected"),
        (b"\xef\xbb\xbf", "is empty; a line with the names of the columns is expected"),
        (b"a,y\n", "no rows after the header"),
        (b"a,b\n1,2\n", "line 1: no column 'y'; the columns are 'a', 'b'"),
        (
            b"1,2\n3,4\n",
            "line 1: no column 'y' (is this line data, and the header missing?); the columns are '1', '2'",
        ),
        (b"y\n1\n", "line 1: no column besides 'y'; at least one feature is needed"),
        (b"a,,y\n1,2,3\n", "line 1, column 2 (counted from 1): the name is empty"),
        (
            b",a,y\n0,1,2\n",
            (
                "line 1, column 1 (counted from 1): the name is empty; "
                "if pandas wrote its index there: to_csv(…, index=False)"
            ),
        ),
        (b"a,a,y\n1,2,3\n", "line 1: two columns have the name 'a'"),
        (b"a,y\n1,2\n3\n", "line 3: 1 cell, the first row has 2"),
        (b"a,y\n1,2\n\n3,4,5\n", "line 4: 3 cells, the first row has 2"),
        (b"a,y\n1,2\nx,4\n", f"line 3, column 'a': 'x'; a finite number is expected{ONE_HOT}"),
        (b"a,y\n1,2\n,4\n", f"line 3, column 'a': empty; a finite number is expected{IMPUTE}"),
        (b"a,y\n1,2\nNaN,4\n", f"line 3, column 'a': 'NaN'; a finite number is expected{IMPUTE}"),
        (b"a,b,y\n1,-inf,2\n", "line 2, column 'b': '-inf'; a finite number is expected"),
        (b"a,b,y\n1,1e999,2\n", "line 2, column 'b': '1e999'; a finite number is expected"),
        (b"a,y\n1_000,2\n", f"line 2, column 'a': '1_000'; a finite number is expected{ONE_HOT}"),
        (
            b"a,y\n1,2.5\n1,nan\n",
            f"line 3, column 'y': 'nan', a missing value; {NO_TARGET}, or take it out of data.missing",
        ),
        (
            b"a,y\n1,2\n1,\n",
            f"line 3, column 'y': empty; {NO_TARGET}",
        ),
        (b"a,y\n1,2\n1,\0\n", "line 3: a NUL byte; is this a text file?"),
        (b"a,y\n1,b\xe9\n", "line 2: byte 0xe9 is not UTF-8; save the file as CSV, in UTF-8"),
        ("a,y\n1,2\n".encode("utf-16"), "line 1: byte 0xff is not UTF-8; save the file as CSV, in UTF-8"),
        (b'a,y\n1,"b" c\n', "line 2: ',' expected after '\"'"),
        (b'a,y\n1,"b\n', 'line 2: a cell that begins with " does not end'),
        (b'a,"y\nz"\n1,2\n', "line 1: no column 'y'; the columns are 'a', 'y\\nz'"),
        (b'a,y\n"1\n",2\nx,3', f"line 4, column 'a': 'x'; a finite number is expected{ONE_HOT}"),
        (b"a,y\n1," + b"b" * 140_000 + b"\n", "line 2: field larger than field limit (131072)"),
        (
            b"a,y\n1," + b"b" * 1001 + b"\n",
            f"line 2, column 'y': '{'b' * 59}…; a label of at most 1000 characters is expected",
        ),
    ],
)
def test_faults_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    assert refusal(write(tmp_path, content), "y") == message


def test_an_endless_line(tmp_path: Path) -> None:
    path = write(tmp_path, b"a,y\n" + b"1" * (1 << 25))
    assert refusal(path, "y") == "line 2: more than 16,777,216 characters; is this a text file?"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("line", [1, 2, 3, 700, 5000])
def test_the_line_of_a_byte_that_is_not_utf8(tmp_path: Path, line: int, end: bytes) -> None:
    rows = [b"a,y", *[b"1.25,b"] * 4998, b"2,b"]
    rows[line - 1] += b"\xe9"
    path = write(tmp_path, end.join(rows) + end)
    assert refusal(path, "y") == f"line {line}: byte 0xe9 is not UTF-8; save the file as CSV, in UTF-8"
    path.write_bytes(end.join(rows[:line]))  # the last byte of the file
    assert refusal(path, "y").startswith(f"line {line}: byte 0xe9 is not UTF-8; save the file as CSV, in UTF-8")


def test_sums_that_overflow_are_not_mistaken_for_infinity(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "1e308,1e308\n"), None, 2).tolist() == [[1e308, 1e308]]


def test_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv", "y") == "cannot be read: No such file or directory"
    assert refusal(tmp_path, "y") == "is a folder; a file is expected"


def test_rows_may_come_through_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("1,2\n",))
    writer.start()
    assert rows(pipe, None, 2).tolist() == [[1.0, 2.0]]
    writer.join()


ROWS = [[1.0, 2.0], [3.0, 4.0]]
AB, NUMBERS = ("a", "b"), (0, "1")  # the names that a network was trained with; columns of pandas may have integers


@pytest.mark.parametrize(
    ("content", "features", "header", "expected"),
    [
        ("1,2\n3,4\n", None, None, ROWS),
        ("1,2\n3,4\n", None, False, ROWS),
        ("1,2\n3,4\n", None, True, ROWS[1:]),
        ("\n1,2\n3,4\n", AB, False, ROWS),
        ("a,b\n1,2\n3,4\n", AB, None, ROWS),
        ("a,b\n1,2\n3,4\n", AB, True, ROWS),
        ("a,b\n1,2\n3,4\n", None, True, ROWS),
        ("b,note,a\n2,text,1\n4,,3\n", AB, None, ROWS),
        ("target,b,a\nx,2,1\nx,4,3\n", AB, None, ROWS),
        ("p,target,q\n1,x,2\n3,x,4\n", None, True, ROWS),
        ("p,target\n1,2\n3,4\n", None, True, ROWS),
        ("0,1,target\n1,2,x\n3,4,y\n", NUMBERS, None, ROWS),
        ("1,0\n2,1\n4,3\n", NUMBERS, None, ROWS),
        ("0,1\n2,1\n", NUMBERS, False, [[0.0, 1.0], [2.0, 1.0]]),
        ("", AB, None, "is empty; a line with the names of the columns is expected"),
        ("", None, None, "is empty; a row of 2 numbers is expected"),
        ("\n", AB, False, "is empty; a row of 2 numbers is expected"),
        ("a,b\n", AB, None, "no rows after the header"),
        ("1,2,3\n", None, None, "line 1: 3 columns, the network has 2 inputs"),
        ("1,2,3\n", AB, False, "line 1: 3 columns, the network has 2 inputs"),
        ("1,2\n3\n", None, None, "line 2: 1 cell, the first row has 2"),
        ("1,2\n3,x\n", None, None, "line 2, column 2: 'x'; a finite number is expected"),
        (
            "0.1,n/a\n1,2\n",
            None,
            None,
            "line 1, column 2: 'n/a'; a finite number is expected; if this line holds names: --header",
        ),
        ("0.1,nan\n1,2\n", None, False, "line 1, column 2: 'nan'; a finite number is expected"),
        ("0.1,n/a\n1,2\n", AB, False, "line 1, column 2: 'n/a'; a finite number is expected"),
        (
            "0.1,n/a\n1,2\n",
            AB,
            None,
            (
                "line 1: no column 'a', 'b', which the network was trained with; the columns are '0.1', 'n/a'; "
                "if this line is a row: --no-header"
            ),
        ),
        (
            "a,c\n1,2\n",
            AB,
            True,
            "line 1: no column 'b', which the network was trained with; the columns are 'a', 'c'",
        ),
        (
            "1,2\n3,4\n",
            NUMBERS,
            None,
            (
                "line 1: no column '0', which the network was trained with; the columns are '1', '2'; "
                "if this line is a row: --no-header"
            ),
        ),
        ("0,1,0\n1,2,3\n", NUMBERS, None, "line 1: two columns have the name '0'"),
        ("a,b,c\n1,2,3\n", None, True, "line 1: 3 columns, the network has 2 inputs"),
        ("a,b,c\n1,2\n", AB, None, "line 2: 2 cells, the first row has 3"),
    ],
)
def test_whether_there_is_a_header_is_not_guessed(tmp_path: Path, content: str, features, header, expected) -> None:
    path = write(tmp_path, content)
    if isinstance(expected, str):
        assert refusal(path, features, 2, header, read=rows) == expected
    else:
        assert rows(path, features, 2, header).tolist() == expected


def test_many_columns_are_not_all_listed(tmp_path: Path) -> None:
    path = write(tmp_path, ",".join(f"c{n}" for n in range(30)))
    assert refusal(path, "y").endswith("'c8', 'c9', … (30 in all)")


PIECES = st.sampled_from(
    [b"1", b"2.5", b",", b"\n", b'"', b"a", b"y", b"\r", b"\0", b"\xff", b"\xc3\xa4", b"nan", b"_", b" "]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(st.one_of(st.binary(max_size=40), st.lists(PIECES, max_size=20).map(b"".join)), st.booleans())
def test_anything_is_a_table_or_a_data_error(tmp_path: Path, content: bytes, header: bool) -> None:
    path = write(tmp_path, b"a,y\n" + content if header else content)
    for function, arguments in ((read, ("y",)), (rows, (None, 2)), (rows, (("a", "y"), 2))):
        try:
            table = function(path, *arguments)
        except DataError as error:
            message = str(error)
            assert "\n" not in message
        else:
            assert np.isfinite(table if function is rows else table.x).all()


def test_the_first_fault_is_named(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, "a,b,y\n1,2,3\n1,x,3\nz,2,3\n")).startswith("line 3, column 'b': 'x'; ")
    assert refusal(write(tmp_path, "a,b,y\n1,2,3\nz,x,3\n")).startswith("line 3, column 'a': 'z'; ")
    assert refusal(write(tmp_path, "a,b,y\n1,x,3\n1,2\n")).startswith("line 2, column 'b': 'x'; ")
