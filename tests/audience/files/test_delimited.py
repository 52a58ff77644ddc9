import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.files.delimited import Records, guess_delimiter


def records(text: str) -> list[tuple[list[str], int, str]]:
    return [tuple(record) for record in Records(io.StringIO(text, newline=""), ",")]


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("ann@example.org\nbob@example.org\n", ","),
        ("email;name\n", ";"),
        ("email\tname\nann@example.org\tExample, Ann\n", "\t"),
        ("Example, Ann;ann@example.org\nExample, Bob;bob@example.org\n", ";"),
        ('ann@example.org,"Ann; Bob; Cy"\n', ","),
        ("email|name\nann@example.org|Ann\n", "|"),
        ("sep=;\nann@example.org;Ann\n", ";"),
        ("", ","),
        ("no address, here; at all", ","),
    ],
)
def test_the_delimiter_is_the_one_that_leaves_addresses_alone(sample: str, delimiter: str) -> None:
    assert guess_delimiter(sample) == delimiter


LOST = "a quotation mark opens a field and nothing closes it"


def test_a_quotation_mark_that_is_never_closed_takes_only_its_own_line() -> None:
    assert records('a,"x\nb,y\nc,z\n') == [(["a", "x"], 1, LOST), (["b", "y"], 1, ""), (["c", "z"], 1, "")]


def test_two_lost_quotation_marks_do_not_hide_what_is_between() -> None:
    found = records('a,"x\nb,y\nc,"z\nd,w\n')
    assert [(record[0][0], record[2]) for record in found] == [("a", LOST), ("b", ""), ("c", LOST), ("d", "")]


def test_a_field_of_several_lines_is_one_record() -> None:
    assert records('a,"x\ny\n""z""",1\nb,2\n') == [(["a", 'x\ny\n"z"', "1"], 3, ""), (["b", "2"], 1, "")]


def test_a_field_without_end_is_a_broken_record_and_no_more() -> None:
    first, *others = records('a,"' + "x\n" * 100_000 + "b,1\n")
    assert (first[0], first[2]) == (["a", "x"], LOST)
    assert others[-1] == (["b", "1"], 1, "")
    (long,) = records("a," + "x" * 200_000)
    assert long[2] == "a field is longer than 131,072 characters"


@given(st.lists(st.text(st.sampled_from('ab,"\n\r;'), max_size=8), max_size=20))
def test_every_line_is_in_one_record(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert sum(lines for _, lines, _ in records(text)) == len(list(io.StringIO(text, newline="")))
