"""What instants become on their way to the driver."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.store.columns import Instant

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(params=[sqlite.dialect, postgresql.dialect], ids=["sqlite", "postgresql"])
def convert(request):
    dialect = request.param()
    return Instant().dialect_impl(dialect).bind_processor(dialect)


def test_the_hour_that_comes_twice_is_kept_apart(convert):
    """Python takes the two for equal: what is remembered of one must not be given for the other."""
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1))
    assert first == second
    assert convert(first) == convert(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    assert convert(second) == convert(datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    assert convert(first) != convert(second)


def test_one_that_is_asked_for_again_is_the_same(convert):
    instant = datetime(2026, 11, 23, 12, 30, 1, 250, tzinfo=UTC)
    assert convert(instant) == convert(instant) == convert(instant.astimezone(BERLIN))


def test_what_is_no_instant_is_refused(convert):
    for _ in range(2):
        with pytest.raises(ValueError, match="no time zone"):
            convert(datetime(2026, 11, 23))  # noqa: DTZ001 - that is the point
    assert convert(None) is None
