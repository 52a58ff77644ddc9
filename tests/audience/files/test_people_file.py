import gzip
import json
import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.audience.files.people_file import Said, open_people
from newsletter.audience.files.rows import Form, Row
from newsletter.audience.files.source import LONGEST_LINE
from newsletter.errors import InputError


def rows(path: Path, content: str | bytes) -> list[Row]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with open_people(path) as source:
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
    first, last = rows(path, 'ann@example.org,"Ann\nbob@example.org,Bob\ncy@example.org,""Cy"\ndee@example.org,Dee\n')
    assert first.fault == "a quotation mark opens a field that runs from line 1 to 3 and takes other rows with it"
    assert (last.line, last.fault) == (4, "")


def test_a_quotation_mark_that_is_never_closed_is_the_fault_of_its_row_only(path: Path) -> None:
    found = rows(path, 'email,name\na@example.org,A\nb@example.org,"B\nc@example.org,C\n')
    fault = "a quotation mark opens a field and nothing closes it"
    assert [(row.number, row.line, row.fault) for row in found] == [(1, 2, ""), (2, 3, fault), (3, 4, "")]
    assert found[1].fields == ["b@example.org", "B"]


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
        (bytes(range(256)) * 10, "holds NUL bytes"),
        (b"\xff\xfea\xd8\n\x00", "is not valid UTF-16"),
        (b"\xff\xfea", "is not valid UTF-16"),
        (b"PK\x03\x04abc", "is a spreadsheet or zip file, not CSV"),
        (gzip.compress(b"PK\x03\x04abc", mtime=0), "is a spreadsheet or zip file, not CSV"),
        (b'[{"email": "a@example.org"}]', "is one JSON array"),
        (b"{nothing", "holds no JSON object"),
        (b'{"name": "Ann"}\n', "no column holds addresses; the first row has 'name'"),
        (json.dumps({f"k{number}": 1 for number in range(1001)}).encode(), "has more than 1,000 different keys"),
        (gzip.compress(b"email\n" + b"\0" * 100_000, mtime=0), "holds NUL bytes"),
        (gzip.compress(b"email\na@example.org\n" * 9, mtime=0)[:-9], "is a damaged gzip file"),
        (b"email\n" + b"a," * LONGEST_LINE, "a line is longer than 1,048,576 characters"),
        (b"Ann,Bob\n", "no column holds addresses"),
        (b"sep=;", "is empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_error_that_names_it(path: Path, content: bytes, what: str) -> None:
    with pytest.raises(InputError, match=re.escape(what)) as caught:
        rows(path, content)
    assert caught.value.where.startswith(str(path))


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "odd"])
def test_what_is_no_file_is_one_error(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(InputError), open_people(path if kind != "odd" else Path("a\0b")):
        pass


def test_a_file_that_changes_while_it_is_read_is_an_error(path: Path) -> None:
    path.write_text("a@example.org\nb@example.org\n")
    with open_people(path) as source:
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


def test_a_few_nuls_are_the_fault_of_their_rows(path: Path) -> None:
    content = "email,name\n" + "ann@example.org,Ann\n" * 50 + "b\0b@example.org,Bob\n"
    *good, bad = rows(path, content)
    assert {row.fault for row in good} == {""}
    assert bad.fault == "holds a NUL character"


def test_a_gigabyte_without_a_line_end_is_refused_early(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"email\nann@example.org" + b"x" * (5 << 20))
        file.truncate(1 << 30)  # sparse
    with pytest.raises(InputError, match="a line is longer than 1,048,576 characters") as caught, open_people(path):
        pass
    assert caught.value.where == f"{path}:2"


def test_a_bomb_is_refused_before_it_goes_off(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=9) as file:
        for _ in range(80):
            file.write(b"ann@example.org\n" * 65536)
    with pytest.raises(InputError, match="grows to more than 200 times its size"), open_people(path):
        pass


def test_a_packed_file_is_read_as_the_plain_one(path: Path) -> None:
    text = b"email,name\n" + b"".join(b"r%d@example.org,R\n" % number for number in range(2000))
    plain = rows(path, text)
    assert rows(path, gzip.compress(text)) == plain


JSONL = """{"email": "ann@example.org", "name": "Ann", "tags": ["a, b", "c"], "attributes": {"country": "US"}}

{"email": "bob@example.org", "age": 7, "vip": true, "none": null}
{"email": "cy@example.org"
["dee@example.org"]
{"email": "eve@example.org", "email": "fay@example.org"}
{"email": "gil@example.org", "n": NaN}
"""


def test_json_lines_are_rows_in_the_order_of_all_keys(path: Path) -> None:
    path.write_text(JSONL)
    with open_people(path) as source:
        found = list(source.rows())
        assert source.layout.form is Form.JSONL
        assert source.layout.header == ("email", "name", "tags", "attributes", "age", "vip", "none")
    ann, bob, *bad = found
    assert ann.fields == ["ann@example.org", "Ann", '["a, b", "c"]', '{"country": "US"}', "", "", ""]
    assert bob.fields == ["bob@example.org", "", "", "", "7", "true", ""]
    assert [(row.number, row.line) for row in bad] == [(3, 4), (4, 5), (5, 6), (6, 7)]
    faults = ["is no JSON: Expecting", "is no JSON object", "is no JSON: a key stands there twice", "is no JSON: NaN"]
    assert all(row.fault.startswith(fault) for row, fault in zip(bad, faults, strict=True))


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"a":' * 100_000, '{"email": ' + "9" * 5000 + "}"])
def test_json_that_is_meant_to_break_readers_is_a_bad_row(path: Path, deep: str) -> None:
    good, bad = rows(path, '{"email": "ann@example.org"}\n' + deep + "\n")
    assert (good.fault, bad.fault != "") == ("", True)


def test_what_a_person_says_of_a_file_goes_before_guesses(path: Path) -> None:
    path.write_bytes("E;N\nann@example.org;Ł, K\n".encode("cp1250"))
    said = Said(mapped={"E": "address", "N": "name"}, encoding="cp1250", delimiter="semicolon")
    with open_people(path, said) as source:
        assert [row.fields for row in source.rows()] == [["ann@example.org", "Ł, K"]]
    with pytest.raises(InputError, match="parts no fields"), open_people(path, Said(delimiter="x")):
        pass
    with pytest.raises(InputError, match="is not valid UTF-16"), open_people(path, Said(encoding="utf-16")):
        pass
