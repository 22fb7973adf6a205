"""Reading tables: what is found in files and DataFrames, and what is refused in which words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.fitting.problem import InputError
from chainrule.fitting.table.read import read_chunks, read_table
from chainrule.fitting.table.sources import source_of


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(text: str | bytes, name: str = "f.csv", encoding: str = "utf-8", **options: Any) -> Any:
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return read_table(name, **options)


def refused(text: str | bytes, name: str = "f.csv", **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        table(text, name, **options)
    return caught.value


def test_kinds() -> None:
    found = table(
        "n,i,b,c,d,gap\n1.5,1,true,red,2020-01-01,\n-2e3,2,False,blue,2020-01-02 12:00,\n.5,3,TRUE,,NA,4\n"
    )
    kinds = {name: found[name].kind for name in found.names}
    assert kinds == {
        "n": "number", "i": "integer", "b": "boolean", "c": "category", "d": "date", "gap": "integer",
    }  # fmt: skip
    assert found.numbers("n").tolist() == [1.5, -2000, 0.5]
    assert found.numbers("b").tolist() == [1, 0, 1]
    assert found["c"].categories == ("blue", "red") and found["c"].values.tolist() == [1, 0, -1]
    np.testing.assert_array_equal(found.numbers("d"), [18262, 18263.5, np.nan])
    np.testing.assert_array_equal(found.numbers("gap"), [np.nan, np.nan, 4])


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", " "])
def test_delimiters_are_found(mark: str) -> None:
    found = table(f"x{mark}y\n1{mark}2.5\n3{mark}4\n")
    assert found.names == ["x", "y"] and found.numbers("y").tolist() == [2.5, 4]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_line_ends_and_encodings(end: str, encoding: str) -> None:
    found = table(end.join(["größe,x", "ä,1", "ö,2", ""]), encoding=encoding)
    assert found.names == ["größe", "x"] and found["größe"].categories == ("ä", "ö")
    assert found.remarks == (["f.csv is not UTF-8: read as cp1252"] if encoding == "latin-1" else [])


def test_quotes_blank_lines_and_their_line_numbers() -> None:
    found = table('\nname,v\n"a, b",1\n"two\nlines",2\n\n"say ""hi""",3\n')
    assert found["name"].categories == ("a, b", 'say "hi"', "two\nlines")
    assert [found.lines[i] for i in range(3)] == [3, 4, 7]


def test_decimal_commas_are_recognised_with_a_remark() -> None:
    found = table("x;y\n1,5;2\n3;4,25\n")
    assert found.numbers("x").tolist() == [1.5, 3] and found.numbers("y").tolist() == [2, 4.25]
    assert found.remarks == ["f.csv has decimal commas: 1,5 is read as 1.5"]


def test_numbers_in_the_header_are_names_if_they_count() -> None:
    found = table("0,1,2,3\n5,6,7,8\n")
    assert found.names == ["0", "1", "2", "3"]
    assert found.remarks == ["the first line of f.csv is taken for names: 0, 1, 2 …"]


def test_longdouble_keeps_the_digits_of_the_text() -> None:
    if np.finfo(np.longdouble).eps > 1e-18:
        pytest.skip("longdouble is no wider than double here")
    found = table("x\n3.14159265358979323846\n", dtype=np.longdouble).numbers("x")[0]
    assert found == np.longdouble("3.14159265358979323846") != np.longdouble(3.14159265358979323846)


def test_fast_and_plain_ways_agree_on_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.fitting.table import text

    monkeypatch.setattr(text, "_CELLS", 40)
    values = np.random.default_rng(0).normal(size=(500, 4))
    rows = [",".join(map(repr, row)) for row in values.tolist()]
    rows[333] = ", ".join(f'"{field}"' for field in rows[333].split(","))
    rows.insert(100, "")
    found = table("a,b,c,d\n" + "\n".join(rows))
    for i, name in enumerate("abcd"):
        np.testing.assert_array_equal(found.numbers(name), values[:, i])
    assert found.lines[99] == 101 and found.lines[100] == 103 and found.lines[499] == 502


MISTAKES = {
    "empty": (
        "",
        "f.csv: the file is empty\n  fix:      give a file with a line of names and rows of values",
    ),
    "header only": (
        "a,b\n",
        "f.csv has names of columns, but no rows\n  came:     2 names\n  expected: rows of values below them",
    ),
    "ragged": (
        "a,b\n1,2\n3\n",
        "f.csv, line 3: 1 field, where the first line names 2 columns\n"
        "  came:     '3'\n"
        "  expected: 2 fields, separated by commas\n"
        "  fix:      write the missing fields (empty ones too), or quote a field that holds ','",
    ),
    "two delimiters": (
        "a;b\n1;2\n3,4\n",
        "f.csv, line 3: 1 field, where the first line names 2 columns\n"
        "  came:     '3,4'\n"
        "  expected: 2 fields, separated by semicolons\n"
        "  fix:      the row is delimited by commas: use one delimiter in the whole file",
    ),
    "row names": (
        "x,y\nr1,1,2\nr2,3,4\n",
        "f.csv, line 2: 3 fields, where the first line names 2 columns\n"
        "  came:     'r1,1,2'\n"
        "  expected: 2 fields, separated by commas\n"
        "  fix:      if the rows begin with names of their own, name that column in the first line too",
    ),
    "no names": (
        "1.5,2\n3,4\n",
        "f.csv, line 1: the first line holds numbers, no names\n"
        "  came:     1.5,2\n"
        "  expected: the names of the columns\n"
        "  fix:      put a line such as x,y above the data",
    ),
    "duplicate": (
        "a,b,a\n1,2,3\n",
        "f.csv, line 1: columns 1 and 3 are both named 'a'\n"
        "  came:     'a,b,a'\n"
        "  fix:      rename one of them",
    ),
    "empty name": (
        ",a\n0,2\n",
        "f.csv, line 1: column 1 has no name\n"
        "  came:     ',a'\n"
        "  fix:      give every column a name (from pandas: to_csv(..., index=False))",
    ),
    "open quote": (
        'a,b\n1,2\n"x,3\n4,5\n',
        "f.csv, line 3: the quotes do not match\n"
        "  came:     unexpected end of data\n"
        '  expected: fields as "text", with "" for a quote within\n'
        "  fix:      close the quote that begins in this line",
    ),
    "binary": (
        b"\x00\x01\x02\x03" * 9,
        "f.csv: not a text file\n  expected: CSV, TSV, Parquet, .npy or .npz",
    ),
    "Excel": (
        b"PK\x03\x04 and so on",
        "f.csv: not a text file\n"
        "  came:     a zip or Excel file (save the sheet as CSV)\n"
        "  expected: CSV, TSV, Parquet, .npy or .npz",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_no_table_is_refused(mistake: str) -> None:
    text, words = MISTAKES[mistake]
    error = refused(text)
    assert str(error) == words and error.file == "f.csv"


def test_a_wrong_delimiter_is_told() -> None:
    assert str(refused("a,b\n1,2\n", delimiter=";")) == (
        "f.csv: the first line is not separated by semicolons\n"
        "  came:     'a,b'\n"
        "  expected: fields separated by semicolons\n"
        "  fix:      the delimiter seems to be ','"
    )
    assert str(refused("a,b\n1,2\n", delimiter="ab")).startswith("no delimiter\n  came:     'ab'")
    assert table("a;b,c\n1;2,3\n", delimiter=";").names == ["a", "b,c"]


def test_a_missing_file_names_its_neighbours() -> None:
    Path("houses.csv").touch()
    with pytest.raises(InputError) as caught:
        read_table("house.csv")
    assert str(caught.value) == (
        "there is no file house.csv\n"
        "  came:     house.csv\n"
        "  expected: the path of a table\n"
        "  fix:      did you mean houses.csv?"
    )


def test_a_folder_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="cannot read .*\n  came:     Is a directory"):
        read_table(folder)


@pytest.mark.parametrize("rows", [5, 70_000])
def test_a_text_among_numbers_is_an_error_where_it_is_used(rows: int) -> None:
    found = table("a,b\n" + "1,2\n" * rows + "1,2x\n3,4\n")
    assert found.numbers("a")[-1] == 3
    with pytest.raises(InputError) as caught:
        found.numbers("b")
    assert str(caught.value) == (
        f"f.csv, line {rows + 2}, column 'b': '2x' is not a number, as most of the column is\n"
        "  came:     '2x'\n"
        "  expected: a number\n"
        "  fix:      correct it (empty if missing), leave the column out, or name it as a category"
    )
    assert (caught.value.row, caught.value.column) == (rows + 2, "b")


def test_dates_and_thousands_that_can_be_misread_are_refused() -> None:
    found = table('d,p\n01/02/2020,"1,200"\n03/04/2021,"3,400.5"\n')
    with pytest.raises(InputError, match="line 2, column 'd': the column holds dates whose day and month"):
        found.numbers("d")
    with pytest.raises(InputError, match="line 2, column 'p': the column holds numbers with separators"):
        found.numbers("p")


def test_unknown_and_textual_columns() -> None:
    found = table("price,Area,kind\n1,2,a\n")
    with pytest.raises(InputError) as caught:
        found.numbers("prise")
    assert str(caught.value) == (
        "f.csv has no column 'prise'\n"
        "  came:     column 'prise'\n"
        "  expected: one of 'price', 'Area', 'kind'\n"
        "  fix:      did you mean 'price'?"
    )
    with pytest.raises(InputError, match="line 2, column 'kind': a column of texts where numbers are needed"):
        found.numbers("kind")


def test_frames_parquet_and_numpy_files() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "n": [1.5, 2, None],
            "t": ["x", None, "y"],
            "d": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
            "b": [True, False, True],
            "c": pd.Categorical(["u", "v", "u"]),
            "i": pd.array([1, None, 3], dtype="Int64"),
        }
    )
    sources: list[Any] = [frame]
    try:
        frame.to_parquet("f.parquet")
        sources.append("f.parquet")
    except ImportError:
        pass
    for source in sources:
        found = read_table(source)
        kinds = [found[n].kind for n in found.names]
        assert kinds == ["number", "category", "date", "boolean", "category", "integer"]
        np.testing.assert_array_equal(found.numbers("n"), [1.5, 2, np.nan])
        np.testing.assert_array_equal(found.numbers("i"), [1, np.nan, 3])
        np.testing.assert_array_equal(found.numbers("d"), [18262, np.nan, 18628])
        assert found["t"].values.tolist() == [0, -1, 1] and found.numbers("b").tolist() == [1, 0, 1]
    np.savez("f.npz", X=np.eye(3), y=np.arange(3))
    found = read_table("f.npz")
    assert found.names == ["X0", "X1", "X2", "y"] and found.numbers("y").tolist() == [0, 1, 2]
    np.save("f.npy", np.eye(2))
    assert read_table("f.npy").names == ["x0", "x1"]


def test_objects_in_numpy_files_are_not_read() -> None:
    np.savez("o.npz", a=np.array([{}], object))
    with pytest.raises(InputError) as caught:
        read_table("o.npz")
    assert str(caught.value) == (
        "o.npz is no NumPy file that can be read\n"
        "  came:     Object arrays cannot be loaded when allow_pickle=False\n"
        "  fix:      save arrays of numbers: objects are not read, since they could run code"
    )


@pytest.mark.parametrize("name", ["f.npy", "f.npz", "f.parquet"])
def test_truncated_binary_files_are_refused(name: str) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(InputError, match=f"{name} is no "):
        table(b"PAR1 \x93NUMPY PK", name)


def test_columns_of_unequal_length() -> None:
    with pytest.raises(InputError, match="data: the columns are not equally long\n  came:     a: 2, b: 1"):
        read_table({"a": [1, 2], "b": [1]})


def test_only_skip_and_categories() -> None:
    found = table("a,b,c\n1,2,3\n4,5,6\n", only=["a", "c"], categories=["c"])
    assert found.names == ["a", "c"] and found["c"].categories == ("3", "6")
    assert read_table("f.csv", skip=["a"]).names == ["b", "c"]
    with pytest.raises(InputError, match="f.csv has no column 'd'"):
        read_table("f.csv", skip=["d"])


def test_chunks_give_codes_of_known_levels() -> None:
    Path("f.csv").write_text("x,c,b,more\n1,red,TRUE,z\nNA,green,no?,z\n")
    known = {"x": "number", "c": ("blue", "red"), "b": ("false", "true")}
    [part] = read_chunks(source_of("f.csv"), known)  # type: ignore[arg-type]
    np.testing.assert_array_equal(part.numbers("x"), [1, np.nan])
    assert part["c"].values.tolist() == [1, -2] and part["b"].values.tolist() == [1, -2]


ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path])}
PEAK = """
import sys
import chainrule
from chainrule.fitting.table.read import read_table
from tests.fitting.table.data import peak
read_table(sys.argv[1])  # what importing and one chunk take
before = peak()
table = read_table(sys.argv[2])
print(sum(c.values.nbytes for c in table.columns.values()), peak() - before)
"""


def test_memory_grows_with_the_numbers_not_with_the_text() -> None:
    """8 bytes for each value and a piece of the file: Python objects take 60 bytes a value and more."""
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell the peak of a process")
    row = ",".join(f"{i}.25" for i in range(8)) + "\n"
    names = "a,b,c,d,e,f,g,h\n"
    for name, rows in (("small.csv", 60_000), ("large.csv", 500_000)):
        Path(name).write_text(names + row * rows)
    out = subprocess.run(
        [sys.executable, "-c", PEAK, "small.csv", "large.csv"],
        capture_output=True,
        text=True,
        check=True,
        env=ENV,
    )
    values, grown = map(int, out.stdout.split())
    assert values == 500_000 * 8 * 8
    assert grown < 1.55 * values, f"{grown / values:.2f} bytes for each byte of the table"
