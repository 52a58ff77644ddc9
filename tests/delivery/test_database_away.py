"""PostgreSQL goes away in the middle, as in a crash, and comes back: workers wait and go on."""

import threading
import time
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta

import pytest

from newsletter import reports, store
from newsletter.clock import system_clock
from newsletter.delivery import SmtpSender, StandBy
from newsletter.delivery.backoff import Backoff
from newsletter.publishing import mailings
from newsletter.rehearsal.postgresql import cluster
from newsletter.settings import SenderSettings
from newsletter.store.statuses import DeliveryStatus, MailingStatus

READERS = 400
QUICK = Backoff(first=0.2, longest=1.0)


@pytest.fixture
def own_server(postgresql):  # noqa: ARG001 - skips where there is no PostgreSQL
    with cluster() as server:
        yield server


@pytest.fixture
def database_url(own_server):
    """Of a server that a test may stop."""
    return own_server.url


@contextmanager
def at_work(newsroom, server, url):
    """A worker process's inside, with a pool of its own."""
    with closing(store.open(url, busy_seconds=1)) as opened:
        sender = SmtpSender(settings=SenderSettings(port=server.port, connections=4, timeout_seconds=5))
        standing_by = StandBy(
            store=opened,
            keys=newsroom.keys,
            sender=sender,
            clock=system_clock,
            backoff=QUICK,
            lease=timedelta(seconds=20),
        )
        thread = threading.Thread(target=standing_by.run)
        thread.start()
        try:
            yield
        finally:
            standing_by.stop()
            thread.join(60)
            assert not thread.is_alive()
            assert standing_by.crash is None


def until(condition, seconds=60.0):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_server_that_crashes_mid_send_and_comes_back_loses_nobody_and_mails_nobody_twice(
    newsroom, server, own_server, workers
):
    newsroom.subscribe(*(f"r{number:03}" for number in range(READERS)))
    server.delay = 0.01
    mailing = newsroom.mailing()
    with ExitStack() as stack:
        for _ in range(workers):
            stack.enter_context(at_work(newsroom, server, own_server.url))
        for share in (0.1, 0.4, 0.7):
            until(lambda share=share: len(server.received) > share * READERS)
            own_server.stop(kill=True)
            time.sleep(0.5)
            own_server.start()
        until(lambda: mailings.get(newsroom.store, mailing.id).status is MailingStatus.FINISHED)
    report = reports.of(newsroom.store, mailing.id)
    assert report.finished
    assert max(server.recipients.values()) == 1
    assert report.twice == 0
    assert report.counts[DeliveryStatus.ACCEPTED] + report.counts[DeliveryStatus.UNKNOWN] == READERS
    assert len(server.recipients) >= READERS - report.counts[DeliveryStatus.UNKNOWN]
    # What came back while the database was away is recorded when it is there again: an answer is a fact.
    assert report.counts[DeliveryStatus.UNKNOWN] <= 3 * 4 * workers
