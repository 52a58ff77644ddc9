"""A mailing without a worker stands still: somebody is told."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from newsletter import alerts
from newsletter.clock import system_clock
from newsletter.delivery import chunks, control
from newsletter.delivery.attendance import Attendance
from newsletter.store import tables


@pytest.fixture
def look(newsroom):
    at_once = Attendance(newsroom.store, patience=timedelta(0))

    def look(watch=at_once):
        watch.look(now=system_clock())
        return [one.code for one in alerts.all_of(newsroom.store, only_open=True)]

    return look


def test_a_mailing_that_nobody_sends_raises_an_alert_until_somebody_does(newsroom, server, look):
    newsroom.subscribe("ann")
    mailing = newsroom.released()
    assert look() == ["NOBODY-SENDS"]
    newsroom.worker(mailing, server).run()
    assert look() == []
    assert alerts.all_of(newsroom.store)[0].times == 1


def test_an_audience_that_nobody_freezes_counts_too(newsroom, look):
    newsroom.subscribe("ann")
    newsroom.mailing()
    assert look() == ["NOBODY-SENDS"]


def test_a_worker_that_holds_something_is_there(newsroom, look):
    newsroom.subscribe("ann")
    newsroom.released()
    with newsroom.store.writing() as connection:
        wave_id = connection.execute(select(tables.wave.c.id)).scalar_one()
        chunks.take(connection, wave_id, worker="w", now=system_clock(), lease=timedelta(minutes=1))
    assert look() == []


def test_a_short_absence_is_nothing(newsroom, look):
    newsroom.subscribe("ann")
    newsroom.released()
    patient = Attendance(newsroom.store)
    assert look(patient) == []
    assert look(patient) == []


def test_where_nothing_is_to_be_done_nobody_is_missed(newsroom, look):
    newsroom.subscribe("ann", "bob")
    mailing = newsroom.released()
    with newsroom.store.writing() as connection:
        later = system_clock() + timedelta(minutes=5)
        connection.execute(update(tables.delivery).values(status="deferred", due_at=later))
    assert look() == []
    control.pause(newsroom.store, mailing.id, actor="ada", now=system_clock())
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.delivery).values(status="pending"))
    assert look() == []


def test_nobody_is_there_for_those_who_wait_for_their_turn(newsroom, look):
    newsroom.subscribe("ann")
    newsroom.released()
    with newsroom.store.writing() as connection:
        connection.execute(insert(tables.pace).values(id=1, scope="readers.example"))
        connection.execute(update(tables.delivery).values(status="deferred", due_at=None, pace_id=1))
    assert look() == ["NOBODY-SENDS"]
