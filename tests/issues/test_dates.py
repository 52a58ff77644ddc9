from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.issues.dates import date_in_name, in_words, read_date, today_in

TODAY = date(2026, 11, 23)  # a Monday


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Tuesday 24 November 2026", date(2026, 11, 24)),
        ("Tuesday, November 24, 2026", date(2026, 11, 24)),
        ("June 20, 2024", date(2024, 6, 20)),
        ("June 20 2024", date(2024, 6, 20)),
        ("Sept. 3rd, 2019", date(2019, 9, 3)),
        ("the 24th of November 2026", date(2026, 11, 24)),
        ("Date: Wednesday 25 November 2026", date(2026, 11, 25)),
        ("## 2026-11-24", date(2026, 11, 24)),
        ("2026/11/24", date(2026, 11, 24)),
        ("24.11.2026", date(2026, 11, 24)),
        ("11/24/26", date(2026, 11, 24)),
        ("Friday 05/06/2026", date(2026, 6, 5)),
        ("Thu. Feb 29, 2024", date(2024, 2, 29)),
    ],
)
def test_a_whole_date_is_read_without_doubt(text: str, day: date) -> None:
    written = read_date(text, today=TODAY)
    assert written is not None
    assert (written.day, written.doubt) == (day, None)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Nov. 24", date(2026, 11, 24)),
        ("January 2", date(2027, 1, 2)),
        ("Tuesday 24", date(2026, 11, 24)),
        ("Friday 13", date(2026, 11, 13)),
        ("Tuesday, November 24", date(2026, 11, 24)),
        ("Sunday, November 24", date(2024, 11, 24)),
        ("Feb. 29", date(2028, 2, 29)),
    ],
)
def test_a_date_without_a_year_is_the_nearest_one_and_says_so(text: str, day: date) -> None:
    written = read_date(text, today=TODAY)
    assert written is not None
    assert written.day == day
    assert "nearest" in (written.doubt or "")


@pytest.mark.parametrize("text", ["Monday 24 November 2026", "5/6/2026"])
def test_what_is_doubtful_carries_its_doubt(text: str) -> None:
    written = read_date(text, today=TODAY)
    assert written is not None
    assert written.doubt


@pytest.mark.parametrize(
    "text", ["", "November", "24", "31 February 2026", "February 30", "Monday", "x" * 5000, "Marching 4"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_date(text, today=TODAY) is None


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31)))
def test_a_date_in_words_reads_back(day: date) -> None:
    written = read_date(in_words(day), today=TODAY)
    assert written is not None
    assert (written.day, written.doubt) == (day, None)


@given(st.text(max_size=120), st.dates())
def test_no_text_makes_it_fail(text: str, today: date) -> None:
    read_date(text, today=today)
    date_in_name(text)


def test_the_first_real_day_in_a_file_name_counts() -> None:
    assert date_in_name("roundup-2024-06-20.txt") == date(2024, 6, 20)
    assert date_in_name("2024-13-40 then 2024-06-21.txt") == date(2024, 6, 21)
    assert date_in_name("12024-06-20.txt") is None


def test_today_is_the_newsrooms_day_not_that_of_utc() -> None:
    assert today_in("America/New_York", datetime(2026, 11, 24, 3, tzinfo=UTC)) == date(2026, 11, 23)
