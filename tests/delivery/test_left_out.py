"""Whom a mailing leaves out, and why: when its audience is frozen, and again when each delivery is claimed."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from newsletter import reports
from newsletter.audience import choosing, erasing, labelling, leaving, lists, preferences
from newsletter.audience.choosing import Choice, OtherList
from newsletter.clock import system_clock
from newsletter.delivery import chunks, ledger, release, survey
from newsletter.delivery.candidates import of_filter
from newsletter.publishing import mailings
from newsletter.reports import as_text
from newsletter.store.statuses import ConsentWay, DeliveryStatus, Exclusion
from newsletter.store.tables import audit, delivery, subscriber, subscription

DONORS = Choice(filter="tag:donor", segment="donors")


def chosen(newsroom, choice, **order):
    """A mailing that has been started, to the readers chosen."""
    made = newsroom.mailing(**order)
    with newsroom.store.writing() as connection:
        mailing = mailings.tables.mailing
        values = {"filter": choice.filter, "segment": choice.segment}
        connection.execute(update(mailing).where(mailing.c.id == made.id).values(values))
        choosing.keep(connection, made.id, choice)
    return mailings.get(newsroom.store, made.id)


def tag(newsroom, *numbers):
    with newsroom.store.writing() as connection:
        for number in numbers:
            labelling.put_on(connection, number, ["donor"])


def pause(newsroom, number, *, until=timedelta(days=7)):
    with newsroom.store.writing() as connection:
        theirs = subscription.c.subscriber_id == number
        connection.execute(update(subscription).where(theirs).values(paused_until=system_clock() + until))


def reasons(newsroom, mailing):
    """Local part → why their delivery was withdrawn, or its state; `nobody` for whoever was erased."""
    with newsroom.store.reading() as connection:
        rows = connection.execute(
            select(subscriber.c.address, delivery.c.status, delivery.c.reason)
            .select_from(delivery)
            .outerjoin(subscriber, subscriber.c.id == delivery.c.subscriber_id)
            .where(delivery.c.mailing_id == mailing.id)
        )
        return {(r.address or "nobody").partition("@")[0]: r.reason or r.status for r in rows}


def claimed(newsroom, mailing, limit=100):
    """Whom a worker claims."""
    now = system_clock()
    with newsroom.store.writing() as connection:
        wave = mailings.tables.wave
        first = connection.execute(select(wave.c.id).where(wave.c.mailing_id == mailing.id)).scalar_one()
        held = chunks.take(connection, first, worker="w", now=now, lease=timedelta(seconds=60))
        found = ledger.claim(connection, mailing.id, held, limit, now=now, wanted=mailing.filter)
    return sorted(each.address.partition("@")[0] for each in found)


# --- At the freeze ---------------------------------------------------------------------------------------------------


def test_each_reader_is_left_out_for_the_first_reason_that_holds(newsroom):
    ann, bob, cyd, dan, _ = newsroom.subscribe("ann", "bob", "cyd", "dan", "eve")
    newsroom.subscribe("gone", status="unsubscribed")
    newsroom.subscribe("cyd", "dan", list_name="weekly")
    newsroom.suppress("bob@readers.example")
    for number in (bob, dan):
        pause(newsroom, number)
    tag(newsroom, ann, bob, cyd, dan)
    weekly = newsroom.list("weekly")
    choice = replace(DONORS, without=(OtherList(weekly.id, "weekly"),))
    now, target = system_clock(), newsroom.list()
    seen = survey(newsroom.store, list_id=target.id, issue="2026-11-23-ferries", choice=choice, now=now)
    mailing = chosen(newsroom, choice)
    frozen = release(newsroom.store, mailing, clock=system_clock)
    assert frozen == seen
    assert (frozen.selected, frozen.prepared) == (6, 1)
    assert list(frozen.excluded.items()) == [
        (Exclusion.SUPPRESSED, 1),
        (Exclusion.UNSUBSCRIBED, 1),
        (Exclusion.PAUSED, 1),
        (Exclusion.OTHER_LIST, 1),
        (Exclusion.SEGMENT, 1),
    ]
    assert newsroom.statuses(mailing) == {"ann": "pending"}


def test_a_pause_ends_by_itself(newsroom):
    (ann,) = newsroom.subscribe("ann")
    pause(newsroom, ann, until=-timedelta(seconds=1))
    mailing = newsroom.mailing()
    assert release(newsroom.store, mailing, clock=system_clock).prepared == 1
    assert claimed(newsroom, mailing) == ["ann"]


def test_who_left_the_other_list_is_left_out_no_more(newsroom):
    newsroom.subscribe("ann")
    newsroom.subscribe("ann", list_name="weekly", status="unsubscribed")
    weekly = newsroom.list("weekly")
    mailing = chosen(newsroom, Choice(without=(OtherList(weekly.id, "weekly"),)))
    assert release(newsroom.store, mailing, clock=system_clock).prepared == 1


# --- At the claim ----------------------------------------------------------------------------------------------------


def test_what_changed_since_the_freeze_counts_at_the_claim_with_its_reason(newsroom):
    names = ["ann", "bob", "cyd", "dan", "eve", "fay", "gus"]
    ann, bob, cyd, dan, eve, fay, gus = newsroom.subscribe(*names)
    tag(newsroom, ann, bob, cyd, dan, eve, fay, gus)
    weekly = newsroom.list("weekly")
    mailing = chosen(newsroom, replace(DONORS, without=(OtherList(weekly.id, "weekly"),)))
    assert release(newsroom.store, mailing, clock=system_clock).prepared == 7
    now, daily = system_clock(), newsroom.list()
    leaving.leave(newsroom.store, bob, daily.id, at=now, how=ConsentWay.ONE_CLICK)
    newsroom.suppress("cyd@readers.example")
    preferences.pause(newsroom.store, dan, daily.id, weeks=1, at=now, how=ConsentWay.PAGE)
    newsroom.subscribe("eve", list_name="weekly")
    with newsroom.store.writing() as connection:
        labelling.take_off(connection, fay, ["donor"])
        erasing.erase(connection, gus, fingerprint=newsroom.keys.fingerprint, at=now, actor="ada")
    assert claimed(newsroom, mailing) == ["ann"]
    assert reasons(newsroom, mailing) == {
        "ann": "sending",
        "bob": "unsubscribed",
        "cyd": "suppressed",
        "dan": "paused",
        "eve": "other_list",
        "fay": "segment",
        "nobody": "erased",
    }
    report = reports.of(newsroom.store, mailing.id)
    assert report.withdrawn_for == dict.fromkeys(
        (
            Exclusion.SUPPRESSED,
            Exclusion.UNSUBSCRIBED,
            Exclusion.PAUSED,
            Exclusion.OTHER_LIST,
            Exclusion.SEGMENT,
            Exclusion.ERASED,
        ),
        1,
    )
    assert report.balanced
    said = as_text(report)
    assert "Only to donors: tag:donor; nobody on weekly" in said
    assert "1  paused by the reader" in said
    assert report.as_dict()["withdrawn_for"]["unsubscribed"] == 1


def test_every_way_to_claim_knows_every_reason(newsroom):
    """Also those of the deferred, and of those that wait for their turn."""
    ann, bob = newsroom.subscribe("ann", "bob")
    mailing = newsroom.released()
    pause(newsroom, bob)
    now = system_clock()
    asked = {"mailing": mailing.id, "wave": None, "limit": 10, "after": 0, "now": now, "pace": 1}
    ways = of_filter("")
    for statement, state in (
        (ways.pending, {"status": "pending"}),
        (ways.deferred, {"status": "deferred", "due_at": now}),
        (ways.new_in_turn, {"status": "deferred", "pace_id": 1}),
        (ways.tried_in_turn, {"status": "deferred", "pace_id": 1, "fence": 1}),
    ):
        with newsroom.store.writing() as connection:
            connection.execute(update(delivery).values(state))
            found = {row.subscriber_id: row.reason for row in connection.execute(statement, asked)}
        assert found == {ann: "", bob: "paused"}


def test_who_was_cancelled_says_so(newsroom):
    newsroom.subscribe("ann")
    mailing = newsroom.released()
    with newsroom.store.writing() as connection:
        assert ledger.withdraw(connection, mailing.id, now=system_clock(), limit=10) == 1
    assert reasons(newsroom, mailing) == {"ann": "cancelled"}


# --- While it is being sent --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["one-click", "erase"])
def test_leaving_takes_effect_on_a_mailing_that_is_running(newsroom, server, way):
    """The reader leaves while others' messages are going out: theirs is withdrawn, with its reason, and never sent."""
    numbers = newsroom.subscribe(*(f"reader{number:02}" for number in range(40)), "zoe")
    mailing, daily = newsroom.released(), newsroom.list()
    server.delay = 0.02
    worker = newsroom.worker(mailing, server, connections=2)
    sending = threading.Thread(target=worker.run)
    sending.start()
    try:
        while not server.received:
            pass
        if way == "erase":
            newsroom.store.write(
                lambda connection: erasing.erase(
                    connection, numbers[-1], fingerprint=newsroom.keys.fingerprint, at=system_clock(), actor="zoe"
                )
            )
        else:
            leaving.leave(newsroom.store, numbers[-1], daily.id, at=system_clock(), how=ConsentWay.ONE_CLICK)
    finally:
        sending.join(60)
    assert "zoe@readers.example" not in server.recipients
    assert len(server.recipients) == 40
    report = reports.of(newsroom.store, mailing.id)
    assert (report.finished, report.counts[DeliveryStatus.ACCEPTED]) == (True, 40)
    assert report.withdrawn_for == {Exclusion.ERASED if way == "erase" else Exclusion.UNSUBSCRIBED: 1}


def test_no_log_of_a_mailing_names_a_reader(newsroom, server):
    """What servers say is kept without whom they say it of."""
    newsroom.subscribe("ann", "reject.bob")
    mailing = newsroom.released()
    newsroom.worker(mailing, server).run()
    assert [attempt.reply for attempt in newsroom.attempts() if attempt.outcome == "rejected"] == [
        "5.1.1 <address>: no such user"
    ]
    with newsroom.store.reading() as connection:
        assert "readers.example" not in str(connection.execute(select(audit.c.detail)).all())


def test_lists_are_counted_with_those_who_pause(newsroom):
    ann, _ = newsroom.subscribe("ann", "bob")
    pause(newsroom, ann)
    (daily,) = lists.counted(newsroom.store, now=system_clock())
    assert (daily.counts["subscribed"], daily.paused) == (2, 1)
