"""What concerns many deliveries is done in batches: others write in between, and what is cut off can be gone on with."""

from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from newsletter import store
from newsletter.clock import system_clock
from newsletter.delivery import batches, control, ledger, steps
from newsletter.delivery.expiring import expire_all
from newsletter.errors import BlockedError
from newsletter.publishing import mailings
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus, MailingStatus

MANY = 2 * batches.ROWS + 7

_FILL = text(
    "INSERT INTO delivery (mailing_id, wave_id, subscriber_id, status, fence, changed_at)"
    " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)"
    " SELECT :mailing, (SELECT min(id) FROM wave), i, :status, :fence, :then FROM n"
)


@pytest.fixture
def many(newsroom):
    """Makes a mailing of many deliveries in a state, that became so an hour ago."""

    def make(status, *, fence=1):
        mailing = newsroom.mailing()
        then = system_clock() - timedelta(hours=1)
        plain = then.replace(tzinfo=None) if newsroom.store.is_sqlite else then
        values = {"mailing": mailing.id, "status": status, "fence": fence, "then": plain, "many": MANY}
        with newsroom.store.writing() as connection:
            connection.execute(_FILL, values)
            connection.execute(text("UPDATE wave SET released_at = :then"), {"then": plain})
        return mailing

    return make


def counts(newsroom, mailing):
    with newsroom.store.reading() as connection:
        return {status: number for status, number in ledger.counts(connection, mailing.id).items() if number}


def lines(newsroom, action):
    with newsroom.store.reading() as connection:
        found = select(tables.audit.c.detail).where(tables.audit.c.action == action).order_by(tables.audit.c.id)
        return list(connection.execute(found).scalars())


class Killed(BaseException):
    """The process ends here."""


def killed_after(number, work):
    """Do the work, and be killed after so many batches."""
    left = iter(range(number - 1))

    def watcher(step):
        if step == "batch.committed" and next(left, None) is None:
            raise Killed

    with pytest.raises(Killed), steps.watched(watcher):
        work()


def others_write(database_url, work):
    """Do the work while another process writes after each batch; how often it could."""
    with closing(store.open(database_url, busy_seconds=0.2)) as other:
        written = []

        def watcher(step):
            if step == "batch.committed":
                with other.writing() as connection:
                    connection.execute(text("UPDATE list SET title = 'x'"))
                written.append(step)

        with steps.watched(watcher):
            work()
    return len(written)


def resolved(newsroom, mailing, verdict="accepted", **options):
    now = system_clock()
    return control.resolve(
        newsroom.store, mailing.id, verdict, **{"deliveries": None, "actor": "ada", "now": now, **options}
    )


def test_a_decision_on_many_lets_others_write_and_is_one_line_in_the_audit(newsroom, many, database_url):
    mailing = many("unknown")
    assert others_write(database_url, lambda: resolved(newsroom, mailing)) == 3
    assert counts(newsroom, mailing) == {DeliveryStatus.ACCEPTED: MANY}
    (line,) = lines(newsroom, "mailing.resolve")
    assert (line["as"], line["deliveries"], len(line["ids"])) == ("accepted", MANY, 100)


def test_a_decision_that_is_cut_off_says_how_far_it_came_and_goes_on(newsroom, many):
    mailing = many("unknown")
    killed_after(2, lambda: resolved(newsroom, mailing))
    assert counts(newsroom, mailing) == {DeliveryStatus.ACCEPTED: 2 * batches.ROWS, DeliveryStatus.UNKNOWN: 7}
    assert [line["deliveries"] for line in lines(newsroom, "mailing.resolve")] == [2 * batches.ROWS]
    assert resolved(newsroom, mailing).decided == 7
    assert [line["deliveries"] for line in lines(newsroom, "mailing.resolve")] == [2 * batches.ROWS, 7]
    with pytest.raises(BlockedError, match="is unknown"):
        resolved(newsroom, mailing)


def test_many_that_are_named_are_decided_and_no_others(newsroom, many):
    mailing = many("unknown")
    with newsroom.store.reading() as connection:
        ids = list(connection.execute(select(tables.delivery.c.id).order_by(tables.delivery.c.id)).scalars())
    done = resolved(newsroom, mailing, "rejected", deliveries=ids[:-5])
    assert (done.decided, done.left) == (MANY - 5, 0)
    assert counts(newsroom, mailing) == {DeliveryStatus.REJECTED: MANY - 5, DeliveryStatus.UNKNOWN: 5}


def test_many_are_sent_again_though_the_mailing_ends_in_between(newsroom, many):
    """A worker may be through with the first batch before the second is there."""
    mailing = many("unknown")
    mailings.move(newsroom.store, mailing, mailing.finish(system_clock()))

    def end(step):
        if step == "batch.committed":
            with newsroom.store.writing() as connection:
                connection.execute(text("UPDATE mailing SET status = 'finished'"))

    with steps.watched(end):
        assert resolved(newsroom, mailing, "pending").decided == MANY
    assert counts(newsroom, mailing) == {DeliveryStatus.PENDING: MANY}


def test_trying_many_again_lets_others_write_counts_right_and_goes_on(newsroom, many, database_url):
    mailing = many("expired")
    now = system_clock()
    killed_after(1, lambda: control.retry(newsroom.store, mailing.id, actor="ada", now=now))
    assert counts(newsroom, mailing) == {DeliveryStatus.PENDING: batches.ROWS, DeliveryStatus.EXPIRED: batches.ROWS + 7}
    answers = []
    written = others_write(
        database_url, lambda: answers.append(control.retry(newsroom.store, mailing.id, actor="ada", now=now))
    )
    assert (written, answers[0].expired, answers[0].rejected, answers[0].left) == (2, batches.ROWS + 7, 0, 0)
    assert [line["expired"] for line in lines(newsroom, "mailing.retry")] == [batches.ROWS, batches.ROWS + 7]


def test_giving_up_many_lets_others_write_and_goes_on(newsroom, many, database_url):
    mailing = many("pending", fence=0)
    late = mailing.not_later_than + timedelta(seconds=1)
    assert expire_all(newsroom.store, mailing.id, now=mailing.not_later_than)
    assert not expire_all(newsroom.store, mailing.id, now=late, at_most=0)
    assert counts(newsroom, mailing)[DeliveryStatus.EXPIRED] == batches.ROWS
    assert others_write(database_url, lambda: expire_all(newsroom.store, mailing.id, now=late)) == 1
    assert counts(newsroom, mailing) == {DeliveryStatus.EXPIRED: MANY}


def test_a_worker_gives_many_up_before_it_sends_one_too_late(newsroom, many, server):
    mailing = many("pending", fence=0)
    with newsroom.store.writing() as connection:
        connection.execute(tables.mailing.update().values(not_later_than=system_clock() - timedelta(seconds=1)))
    newsroom.worker(mailings.get(newsroom.store, mailing.id), server).run()
    assert counts(newsroom, mailing) == {DeliveryStatus.EXPIRED: MANY}
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.FINISHED
    assert server.received == []
