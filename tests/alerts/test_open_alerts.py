import threading

import pytest
from sqlalchemy import select

from newsletter import alerts
from newsletter.errors import BlockedError, InputError
from newsletter.store import tables


def test_what_is_noticed_again_is_the_same_alert(newsroom):
    first = newsroom.raise_one(message="one")
    newsroom.later(minutes=5)
    assert newsroom.raise_one(message="two") == first
    found = alerts.require(newsroom.store, first)
    assert (found.times, found.message, found.raised_at < found.seen_at) == (2, "two", True)
    assert newsroom.raise_one(subject="mailing:13") != first


def test_what_was_over_and_comes_again_is_another_alert(newsroom):
    first = newsroom.raise_one()
    assert newsroom.resolve(why="ada resumed it")
    assert not newsroom.resolve()
    second = newsroom.raise_one()
    assert second != first
    assert [one.open for one in alerts.all_of(newsroom.store)] == [True, False]
    assert [one.id for one in alerts.all_of(newsroom.store, only_open=True)] == [second]
    assert alerts.require(newsroom.store, first).resolution == "ada resumed it"


def test_all_that_is_the_matter_with_one_thing_is_over_at_once(newsroom):
    newsroom.raise_one()
    newsroom.raise_one(code="BREAKER-BOUNCES")
    newsroom.raise_one(subject="mailing:13")
    with newsroom.store.writing() as connection:
        assert alerts.resolve_all(connection, "mailing:12", now=newsroom.now) == 2
    assert [one.subject for one in alerts.all_of(newsroom.store, only_open=True)] == ["mailing:13"]


def test_an_alert_is_acknowledged_once_and_by_name(newsroom):
    number = newsroom.raise_one()
    assert alerts.acknowledge(newsroom.store, number, actor="ada", now=newsroom.now).acknowledged_by == "ada"
    assert alerts.acknowledge(newsroom.store, number, actor="bob", now=newsroom.now).acknowledged_by == "ada"
    with newsroom.store.reading() as connection:
        noted = connection.execute(select(tables.audit.c.actor, tables.audit.c.subject)).all()
    assert [tuple(row) for row in noted] == [("ada", f"alert:{number}")]
    newsroom.resolve()
    with pytest.raises(BlockedError, match="is over since 2026-11-24 06:00 UTC"):
        alerts.acknowledge(newsroom.store, number, actor="bob", now=newsroom.now)
    with pytest.raises(InputError, match="there is no alert 99"):
        alerts.acknowledge(newsroom.store, 99, actor="bob", now=newsroom.now)


def test_several_that_notice_at_once_raise_one(newsroom):
    ready, numbers = threading.Barrier(4), []

    def notice():
        ready.wait()
        numbers.append(newsroom.raise_one())

    threads = [threading.Thread(target=notice) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(numbers)) == 1
    assert alerts.require(newsroom.store, numbers[0]).times == 4


def raise_and_fail(store, alert, now):
    with store.writing() as connection:
        alerts.raise_alert(connection, alert, now=now)
        raise ZeroDivisionError


def test_an_alert_goes_with_what_is_the_matter_or_not_at_all(newsroom):
    alert = alerts.Alert(code="HELD-LATE", subject="mailing:12", message="x")
    with pytest.raises(ZeroDivisionError):
        raise_and_fail(newsroom.store, alert, newsroom.now)
    assert alerts.all_of(newsroom.store) == []
