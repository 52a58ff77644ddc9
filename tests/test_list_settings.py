"""A list's calendar in newsletter.toml: what may stand there, and each slip as one sentence."""

from datetime import date, time, timedelta

import pytest

from newsletter.errors import InputError
from newsletter.settings import length_of_time, load, share_of_all, written_length


@pytest.fixture
def daily(tmp_path):
    """The list that such lines make."""

    def read(*lines):
        text = '[newsroom]\nname = "The Harbour Letter"\n[lists.daily]\ntitle = "The Daily"\n' + "\n".join(lines)
        (tmp_path / "newsletter.toml").write_text(text, "utf-8")
        return load(tmp_path).lists["daily"]

    return read


def test_a_calendar_is_read(daily):
    found = daily(
        'zone = "America/New_York"',
        'hour = "06:00"',
        'days = ["mon", "fri"]',
        "skip = [2026-12-25]",
        "ready_by = 05:15:00",
        'not_later_than = "1 h 30 min"',
        'past_waves = "skip"',
        "local = true",
        "recurring = true",
        'canary = "2.5%"',
    )
    assert (found.hour, found.ready_by, found.skip) == (time(6), time(5, 15), (date(2026, 12, 25),))
    assert (found.not_later_than, found.canary, found.local) == (timedelta(minutes=90), 0.025, True)


def test_left_out_there_is_no_calendar_and_six_hours(daily):
    found = daily()
    assert (found.hour, found.not_later_than, found.past_waves) == (None, timedelta(hours=6), "at once")
    assert len(found.days) == 7


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('hour = "6"', "lists.daily.hour.*no time of day"),
        ("hour = 06:00:30", "no time of day"),
        ('hour = "24:00"', "no time of day"),
        ('ready_by = "05:00"', "ready_by needs an hour"),
        ("recurring = true", "recurring needs an hour"),
        ('hour = "06:00"\nready_by = "06:00"', "ready_by must be before hour"),
        ("days = []", "at least one"),
        ('days = ["mon", "mon"]', "each day once"),
        ('days = ["monday"]', "'mon'"),
        ('skip = ["Christmas"]', "lists.daily.skip"),
        ('not_later_than = "30 h"', "from 1 min to 23 h"),
        ("not_later_than = 6", "no length of time"),
        ('past_waves = "later"', "'at once' or 'skip'"),
        ('canary = "60%"', "no share up to 50 %"),
        ("canary = true", "no share"),
        ('houre = "06:00"', "Did you mean 'hour'"),
    ],
)
def test_each_slip_is_one_sentence(daily, line, words):
    with pytest.raises(InputError, match=words):
        daily(line)


@pytest.mark.parametrize(
    ("text", "minutes"), [("6 h", 360), ("90min", 90), ("1 h 30 min", 90), ("45 min", 45), ("2h", 120)]
)
def test_lengths_of_time_are_read_and_written(text, minutes):
    length = length_of_time(text)
    assert length == timedelta(minutes=minutes)
    assert length_of_time(written_length(length)) == length


def test_shares_are_read():
    assert [share_of_all(text) for text in ("1%", "0.5 %", "50%", "none")] == [0.01, 0.005, 0.5, 0.0]
