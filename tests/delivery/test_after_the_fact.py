"""What a worker learns too late: that its lease was over, that a commit went through, that the clock was wrong."""

import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from newsletter.clock import system_clock
from newsletter.delivery import Copies, StandBy, Worker, chunks, ledger
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.senders.base import Capabilities, ChunkConnection, Outcome
from newsletter.errors import InputError
from newsletter.store import Store, tables
from newsletter.store.statuses import DeliveryStatus, MailingStatus

QUICK = Backoff(first=0.02, longest=0.05)


class Calls(ChunkConnection):
    def __init__(self, peer):
        self._peer = peer

    def send_chunk(self, handed, *, until):  # noqa: ARG002
        return self._peer.take([each.recipient.address.partition("@")[0] for each in handed])

    def cut(self):
        pass

    def close(self):
        pass


@dataclass
class Peer:
    """The other side, which takes whole chunks: each call is answered by the next of `answers`, the last one for good."""

    answers: list
    calls: int = 0
    handed: Counter = field(default_factory=Counter)
    name = place = "peer"
    capabilities = Capabilities(whole_messages=False, chunk=1000, connections=1, deadline=5)

    def take(self, names):
        self.handed.update(names)
        self.calls += 1
        answer = self.answers[min(self.calls, len(self.answers)) - 1]
        outcome = answer() if callable(answer) else answer
        return [outcome] * len(names)

    def check(self, *, stop=None):
        pass

    def open(self):
        return Calls(self)


ACCEPTED = Outcome.accepted(202, "")
LATER = Outcome.deferred(503, "later")


@pytest.fixture
def mailing(newsroom):
    newsroom.subscribe("ann", "bob")
    return newsroom.released()


@pytest.fixture
def worker(newsroom, mailing):
    def worker(peer, **options):
        copies = Copies.of(newsroom.edition, mailing, newsroom.keys)
        everything = {"store": newsroom.store, "clock": system_clock, "backoff": QUICK}
        return Worker(**{**everything, **options}, mailing=mailing, copies=copies, sender=peer)

    return worker


# --- After the lease ---------------------------------------------------------------------------------------------


def test_an_answer_of_later_that_comes_when_the_mailing_has_ended_has_it_go_on(newsroom, mailing, worker):
    def slept():
        """As if the worker had: another one ended its lease, and the mailing."""
        later = system_clock() + timedelta(minutes=30)
        with newsroom.store.writing() as connection:
            assert chunks.lapse(connection, mailing.id, now=later) == 2
            assert ledger.finish(connection, mailing.id, now=later)
        return LATER

    peer = Peer([slept, ACCEPTED])
    worker(peer).run()
    assert peer.handed == {"ann": 2, "bob": 2}
    assert newsroom.statuses(mailing) == {"ann": "accepted", "bob": "accepted"}
    assert newsroom.status(mailing) is MailingStatus.FINISHED


# --- After a commit that nobody heard of -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgetful(Store):
    """A database that commits the transaction number `cut` and is gone before it says so."""

    cut: int
    transactions: Counter

    @contextmanager
    def writing(self, *, alone=False):
        with Store.writing(self, alone=alone) as connection:
            yield connection
        self.transactions["all"] += 1
        if self.transactions["all"] == self.cut:
            raise InputError("the server closed the connection")


@pytest.mark.parametrize("cut", [3, 4])
def test_a_commit_that_was_cut_gives_back_what_it_has_claimed(newsroom, mailing, worker, cut):
    opened = newsroom.store
    store = Forgetful(engine=opened.engine, place=opened.place, cut=cut, transactions=Counter())
    peer = Peer([ACCEPTED])
    worker(peer, store=store, lease=timedelta(seconds=1), name="elsewhere/1/1/x", patient=True).run()
    assert store.transactions["all"] > cut
    assert peer.handed == {"ann": 1, "bob": 1}
    assert newsroom.statuses(mailing) == {"ann": "accepted", "bob": "accepted"}
    assert newsroom.status(mailing) is MailingStatus.FINISHED


# --- After a clock was moved -------------------------------------------------------------------------------------


@dataclass
class Wall:
    """A clock on the wall, and who moves it as they answer."""

    moved: timedelta = timedelta(0)

    def __call__(self):
        return system_clock() + self.moved

    def move(self, by, stop):
        def answer():
            self.moved = by
            stop.set()
            return LATER

        return answer


def test_a_clock_that_is_set_back_has_nobody_tried_at_once(newsroom, worker):
    wall, stop = Wall(), threading.Event()
    peer = Peer([wall.move(timedelta(hours=-1), stop)])
    worker(peer, clock=wall, stop=stop, backoff=Backoff(first=600, longest=600)).run()
    with newsroom.store.reading() as connection:
        due = connection.execute(select(tables.delivery.c.due_at)).scalars().all()
    assert len(due) == 2
    # The claims go by the clock that is ahead.
    assert min(due) > system_clock() + timedelta(minutes=5)


def test_a_clock_that_was_a_day_ahead_for_a_moment_gives_nobody_up(newsroom, mailing, worker):
    with newsroom.store.writing() as connection:
        ends = system_clock() + timedelta(seconds=20)
        connection.execute(update(tables.mailing).values(not_later_than=ends))
    wall, stop = Wall(), threading.Event()
    peer = Peer([wall.move(timedelta(days=1), stop), ACCEPTED])
    worker(peer, clock=wall, stop=stop).run()
    assert newsroom.statuses(mailing) == {"ann": "deferred", "bob": "deferred"}
    worker(peer).run()
    assert newsroom.statuses(mailing) == {"ann": "accepted", "bob": "accepted"}
    assert peer.handed == {"ann": 2, "bob": 2}


def test_only_what_is_due_later_than_any_wait_is_righted(newsroom, mailing, noon):
    waits = {"ann": ledger.LONGEST_WAIT, "bob": ledger.LONGEST_WAIT + timedelta(seconds=1)}
    ids = select(tables.delivery.c.id).order_by(tables.delivery.c.id)
    with newsroom.store.writing() as connection:
        for number, wait in zip(connection.execute(ids).scalars().all(), waits.values(), strict=True):
            values = {"status": DeliveryStatus.DEFERRED, "due_at": noon + wait}
            connection.execute(update(tables.delivery).where(tables.delivery.c.id == number).values(values))
        assert ledger.right_due(connection, mailing.id, now=noon) == 1
        assert ledger.next_due(connection, mailing.id) == noon


# --- An edition that cannot be read ------------------------------------------------------------------------------


def test_an_edition_that_cannot_be_read_pauses_its_mailing_and_no_other(newsroom, mailing):
    newsroom.subscribe("cyd", list_name="weekly")
    with newsroom.store.writing() as connection:
        bad = {"digest": "0" * 64, "issue": "bad", "subject": "Bad", "content": b"{}", "created_at": system_clock()}
        connection.execute(insert(tables.edition).values(bad))
        connection.execute(update(tables.mailing).values(edition_digest=bad["digest"]))
    other = newsroom.mailing(list_name="weekly", issue="another")
    peer, ended = Peer([ACCEPTED]), threading.Event()
    standing_by = StandBy(store=newsroom.store, keys=newsroom.keys, sender=peer, clock=system_clock, backoff=QUICK)

    def run():
        standing_by.run(until=lambda: True)
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    in_time = ended.wait(10)
    standing_by.stop()
    thread.join(60)
    assert in_time
    assert peer.handed == {"cyd": 1}
    assert newsroom.status(other) is MailingStatus.FINISHED
    assert newsroom.status(mailing) is MailingStatus.PAUSED
    with newsroom.store.reading() as connection:
        trouble = select(tables.mailing.c.trouble).where(tables.mailing.c.id == mailing.id)
        assert connection.execute(trouble).scalar_one() == "its edition cannot be used: these bytes are no edition"
