import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.audience.read_csv import LONGEST_LINE, Row, open_csv
from newsletter.errors import InputError


def rows(path: Path, content: str | bytes) -> list[Row]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with open_csv(path) as source:
        read = list(source.rows())
        assert list(source.rows()) == read
        assert len(read) == source.layout.rows
    return read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_and_lines_are_numbered_from_one_and_blank_ones_skipped(path: Path, end: str) -> None:
    text = end.join(
        ["", "email,note", "ann@example.org,'one", "", ",,", 'bob@example.org,"two', 'lines"', "cy@example.org"]
    )
    numbered = [(row.number, row.line, row.fields[0], row.fault) for row in rows(path, text)]
    assert numbered == [(1, 3, "ann@example.org", ""), (2, 6, "bob@example.org", ""), (3, 8, "cy@example.org", "")]


def test_a_line_that_names_the_delimiter_is_no_row(path: Path) -> None:
    (row,) = rows(path, "sep=;\r\nemail;name\r\nann@example.org;Ann\r\n")
    assert (row.number, row.line, row.fields) == (1, 3, ["ann@example.org", "Ann"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "latin-1"])
def test_all_encodings_give_the_same_row(path: Path, encoding: str) -> None:
    (row,) = rows(path, "email,name\nrene@example.org,René Éxample\n".encode(encoding))
    assert row.fields == ["rene@example.org", "René Éxample"]


def test_a_stray_quotation_mark_that_takes_other_rows_with_it_is_a_fault(path: Path) -> None:
    first, last = rows(path, 'ann@example.org,"Ann\nbob@example.org,Bob\ncy@example.org,"Cy\ndee@example.org,Dee\n')
    assert first.fault == "a quotation mark opens a field that runs from line 1 to 3 and takes other rows with it"
    assert (last.line, last.fault) == (4, "")


def test_bytes_that_are_not_the_encoding_are_the_fault_of_their_row_only(path: Path) -> None:
    good = "ann@example.org,Zoë Éxample\n"
    one, bad, other = rows(path, good.encode() + b"bob@example.org,Ren\xe9\n" + good.encode())
    assert (one.fault, bad.fault, other.fault) == ("", "holds bytes that are not UTF-8", "")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"\n\n , \n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"a@example.org\0", "holds NUL bytes"),
        ("a@example.org\0".encode("utf-16"), "holds NUL characters"),
        ("a@example.org".encode("utf-16-le"), "holds NUL bytes"),
        (b"\xff\xfea\xd8\n\x00", "is not valid UTF-16"),
        (b"\xff\xfea", "is not valid UTF-16"),
        (b"PK\x03\x04abc", "is a spreadsheet or zip file, not CSV"),
        (b'a@example.org,"Ann\nb@example.org,Bob\n', "a quotation mark opens a field that is never closed"),
        (b'email\n"', "a quotation mark opens a field that is never closed"),
        (b"email\n" + b"a" * 200_000, "cannot be read as CSV: field larger than field limit"),
        (b"email\n" + b"a," * LONGEST_LINE, "a line is longer than 1,048,576 characters"),
        (b"Ann,Bob\n", "no column holds addresses"),
        (b"sep=;", "is empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_error_that_names_it(path: Path, content: bytes, what: str) -> None:
    with pytest.raises(InputError, match=re.escape(what)) as caught:
        rows(path, content)
    assert caught.value.where.startswith(str(path))


def test_an_open_quotation_mark_is_found_by_its_line(path: Path) -> None:
    with pytest.raises(InputError) as caught:
        rows(path, 'email,name\na@example.org,A\nb@example.org,"B\nc@example.org,C\n')
    assert caught.value.where == f"{path}:3"


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "odd"])
def test_what_is_no_file_is_one_error(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(InputError), open_csv(path if kind != "odd" else Path("a\0b")):
        pass


def test_a_file_that_changes_while_it_is_read_is_an_error(path: Path) -> None:
    path.write_text("a@example.org\nb@example.org\n")
    with open_csv(path) as source:
        rows = source.rows()
        next(rows)
        with path.open("a") as file:
            file.write("c@example.org\n")
        with pytest.raises(InputError, match="was changed while it was read"):
            list(rows)


@given(
    st.binary() | st.text(st.sampled_from('email,;\t|"\r\n@.orgé\0 =')).map(lambda text: ("a@b.org\n" + text).encode())
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    try:
        found = rows(path, data)
    except InputError:
        return
    assert [row.number for row in found] == list(range(1, len(found) + 1))
    assert all(one.line < other.line for one, other in pairwise(found))
