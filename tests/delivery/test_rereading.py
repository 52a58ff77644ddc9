"""Settings that change under a running scheduler."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from newsletter import alerts
from newsletter.delivery.rereading import Rereading
from newsletter.delivery.scheduler import Scheduler
from newsletter.issues import newsroom_outlets
from newsletter.settings import load
from newsletter.store import tables

SIX = datetime(2026, 11, 24, 6, tzinfo=UTC)
BEFORE = """
[newsroom]
name = "The Harbour Letter"
[lists.daily]
title = "The Daily"
"""
CALENDAR = 'hour = "06:00"\n'


@pytest.fixture
def root(tmp_path):
    (tmp_path / "newsletter.toml").write_text(BEFORE, encoding="utf-8")
    (tmp_path / "outlets.toml").write_text("", encoding="utf-8")
    return tmp_path


def write(root, text, name="newsletter.toml"):
    """As editors do: another file in its place."""
    (root / "new").write_text(text, encoding="utf-8")
    (root / "new").replace(root / name)


def open_alerts(database):
    return [(one.code, one.subject, one.times) for one in alerts.all_of(database, only_open=True)]


@pytest.fixture
def rereading(database, root):
    watching = Rereading(database, root)
    assert watching.look(now=SIX).settings.newsroom.name == "The Harbour Letter"
    assert watching.look(now=SIX) is None
    return watching


def test_what_changes_is_read_once_and_lists_are_made(rereading, database, root):
    write(root, BEFORE + CALENDAR + '[lists.weekly]\ntitle = "The Weekly"\n')
    fresh = rereading.look(now=SIX)
    assert fresh.settings.lists["daily"].hour is not None
    assert rereading.look(now=SIX) is None
    with database.reading() as connection:
        assert set(connection.execute(select(tables.mailing_list.c.name)).scalars()) == {"daily", "weekly"}


def test_outlets_are_read_again_too_and_may_go(rereading, root):
    write(root, '[[outlet]]\nname = "The Lantern"\n', "outlets.toml")
    assert rereading.look(now=SIX).outlets.find("the lantern") is not None
    (root / "outlets.toml").unlink()
    assert rereading.look(now=SIX).outlets.find("the lantern") is None


@pytest.mark.parametrize("name", ["newsletter.toml", "outlets.toml"])
def test_a_file_that_cannot_be_used_changes_nothing_and_raises_one_alert(rereading, database, root, name):
    good = (root / name).read_text(encoding="utf-8")
    write(root, "[newsroom", name)
    for _ in range(5):
        assert rereading.look(now=SIX) is None
    assert open_alerts(database) == [("SETTINGS-BROKEN", "newsroom:settings", 1)]
    assert name in alerts.all_of(database)[0].message
    write(root, good, name)
    assert rereading.look(now=SIX) is not None
    assert open_alerts(database) == []


def test_whoever_writes_in_pieces_is_given_time(rereading, database, root):
    write(root, "[newsroom")
    assert rereading.look(now=SIX) is None
    write(root, BEFORE + CALENDAR)
    assert rereading.look(now=SIX) is not None
    assert alerts.all_of(database) == []


def test_an_alert_of_an_earlier_process_ends_with_the_first_good_reading(rereading, database, root):
    write(root, "[newsroom")
    rereading.look(now=SIX)
    rereading.look(now=SIX)
    write(root, BEFORE)
    assert Rereading(database, root).look(now=SIX) is not None
    assert open_alerts(database) == []


def test_a_scheduler_goes_by_the_calendar_of_the_new_settings(database, root):
    settings, hour = load(root), SIX - timedelta(hours=2)
    scheduler = Scheduler(
        store=database,
        settings=settings,
        outlets=newsroom_outlets(settings),
        clock=lambda: hour,
        rereading=Rereading(database, root),
    )
    scheduler.tick(hour)
    write(root, BEFORE + CALENDAR)
    scheduler.tick(hour + timedelta(minutes=1))
    scheduler.tick(SIX + timedelta(minutes=1))
    assert [code for code, _, _ in open_alerts(database)] == ["NOT-READY"]
