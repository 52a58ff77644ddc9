import threading
import time
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import update

from newsletter.clock import system_clock
from newsletter.delivery import release
from newsletter.delivery.backoff import Backoff
from newsletter.errors import BlockedError
from newsletter.store import tables
from newsletter.store.statuses import DeliveryStatus, MailingStatus


def test_everyone_gets_a_copy_of_their_own_once(newsroom, server):
    ids = newsroom.subscribe(*(f"r{number:02}" for number in range(40)))
    mailing = newsroom.released()
    newsroom.worker(mailing, server).run()
    assert server.recipients == {f"r{number:02}@readers.example": 1 for number in range(40)}
    assert set(newsroom.statuses(mailing).values()) == {"accepted"}
    assert newsroom.status(mailing) is MailingStatus.FINISHED
    for address, raw in server.received:
        message = message_from_bytes(raw, policy=policy.default)
        token = message["List-Unsubscribe"].strip("<>").rpartition("/")[2]
        subscriber, list_id = newsroom.keys.read_leave(token)
        assert (ids[int(address[1:3])], mailing.list_id) == (subscriber, list_id)
        assert message["To"].addresses[0].addr_spec == address
        assert address.partition("@")[0].title() in message.get_body(["plain"]).get_content()


def test_every_kind_of_answer_ends_where_it_should(newsroom, server):
    newsroom.subscribe("ann", "bob", "reject1", "busy1", "late1", "cut1")
    mailing = newsroom.released()
    newsroom.worker(mailing, server).run()
    assert newsroom.statuses(mailing) == {
        "ann": "accepted",
        "bob": "accepted",
        "reject1": "rejected",
        "busy1": "accepted",
        "late1": "accepted",
        "cut1": "unknown",
    }
    assert max(server.recipients.values()) == 1
    assert server.tries["busy1@readers.example"] == 3
    assert newsroom.status(mailing) is MailingStatus.FINISHED


def test_no_more_is_in_the_air_than_there_are_connections(newsroom, server):
    newsroom.subscribe(*(f"r{number}" for number in range(30)))
    server.delay = 0.01
    newsroom.worker(newsroom.released(), server, connections=3).run()
    assert server.most_in_air == 3
    assert server.connections == 3


def test_a_deferral_that_lasts_expires_in_the_end(newsroom, server):
    newsroom.subscribe("ann", "busy1")
    mailing = newsroom.released(hours=1.5 / 3600)
    newsroom.worker(mailing, server, backoff=Backoff(first=60, jitter=0)).run()
    assert newsroom.statuses(mailing) == {"ann": "accepted", "busy1": "expired"}
    assert newsroom.status(mailing) is MailingStatus.FINISHED


def test_stopping_finishes_what_is_in_the_air_and_a_next_worker_goes_on(newsroom, server):
    newsroom.subscribe(*(f"r{number}" for number in range(60)))
    server.delay = 0.01
    mailing = newsroom.released()
    first = newsroom.worker(mailing, server)
    timer = threading.Timer(0.08, first.stop)
    timer.start()
    first.run()
    statuses = list(newsroom.statuses(mailing).values())
    assert set(statuses) == {"accepted", "pending"}
    assert newsroom.status(mailing) is MailingStatus.SENDING
    newsroom.worker(mailing, server).run()
    assert len(server.recipients) == 60
    assert max(server.recipients.values()) == 1


@pytest.mark.parametrize(("status", "left"), [("paused", "pending"), ("cancelled", "withdrawn")])
def test_pausing_in_the_database_stops_a_running_worker(newsroom, server, status, left):
    newsroom.subscribe(*(f"r{number}" for number in range(60)))
    server.delay = 0.02
    mailing = newsroom.released()
    thread = threading.Thread(target=newsroom.worker(mailing, server).run)
    thread.start()
    while not server.received:
        time.sleep(0.005)
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.mailing).values(status=status))
    thread.join(2)
    assert not thread.is_alive()
    assert 0 < len(server.received) < 60
    assert set(newsroom.statuses(mailing).values()) == {"accepted", left}


def test_two_workers_share_a_mailing_and_nobody_gets_it_twice(newsroom, server):
    newsroom.subscribe(*(f"r{number}" for number in range(80)))
    server.delay = 0.005
    mailing = newsroom.released()
    threads = [threading.Thread(target=newsroom.worker(mailing, server).run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.received) == 80 == len(server.recipients)
    assert newsroom.status(mailing) is MailingStatus.FINISHED


def test_a_server_that_goes_away_loses_nobody(newsroom, running):
    newsroom.subscribe(*(f"r{number}" for number in range(30)))
    mailing = newsroom.released()
    with running() as first:
        first.delay = 0.01
        port = first.port
        worker = newsroom.worker(mailing, first)
        thread = threading.Thread(target=worker.run)
        thread.start()
        while len(first.received) < 8:
            time.sleep(0.005)
    time.sleep(0.3)
    behaviour = type(first)(port=port)
    with running(behaviour) as second:
        thread.join(15)
        assert not thread.is_alive()
    statuses = newsroom.statuses(mailing)
    got = first.recipients + second.recipients
    unknown = {name for name, status in statuses.items() if status == "unknown"}
    assert len(unknown) <= 4
    assert max(got.values()) == 1
    assert {name for name, status in statuses.items() if status == "accepted"} | unknown == set(statuses)
    assert {f"{name}@readers.example" for name in statuses if name not in unknown} <= set(got)


def test_a_server_that_refuses_us_stops_the_mailing_and_keeps_everyone(newsroom, server):
    newsroom.subscribe(*(f"r{number}" for number in range(30)))
    mailing = newsroom.released()
    server.refuses_us = True
    with pytest.raises(BlockedError, match="may not send from here"):
        newsroom.worker(mailing, server).run()
    assert set(newsroom.statuses(mailing).values()) <= {"pending", "deferred"}
    server.refuses_us = False
    newsroom.worker(mailing, server).run()
    assert len(server.recipients) == 30 == len(server.received)


def test_a_message_that_cannot_be_made_is_rejected_and_the_others_go_out(newsroom, server):
    newsroom.subscribe("ann", "bob")
    mailing = newsroom.released()
    with newsroom.store.writing() as connection:
        bob = tables.subscriber.c.address == "bob@readers.example"
        connection.execute(update(tables.subscriber).where(bob).values(name="Bob\r\nBcc: everyone@readers.example"))
    newsroom.worker(mailing, server).run()
    assert newsroom.statuses(mailing) == {"ann": "accepted", "bob": "rejected"}
    assert "no message can be made" in newsroom.attempts()[-1].reply + newsroom.attempts()[0].reply


def test_a_connection_that_trickles_is_cut_at_the_deadline(newsroom, server):
    newsroom.subscribe("mute1", "ann")
    mailing = newsroom.released()
    # The sender's own patience is a socket's: 0.1 s; the deadline for a whole message is four times that.
    newsroom.worker(mailing, server, timeout=0.1).run()
    assert newsroom.statuses(mailing) == {"mute1": "unknown", "ann": "accepted"}


def test_a_program_fault_is_raised_once_everything_is_recorded(newsroom, server):
    newsroom.subscribe("ann")
    mailing = newsroom.released()
    with newsroom.store.writing() as connection:
        references_off = {
            "sqlite": "PRAGMA defer_foreign_keys = ON",
            "postgresql": "SET LOCAL session_replication_role = replica",
        }
        connection.exec_driver_sql(references_off[connection.dialect.name])
        connection.execute(update(tables.subscriber).values(id=2**48))
        connection.execute(update(tables.subscription).values(subscriber_id=2**48))
        connection.execute(update(tables.delivery).values(subscriber_id=2**48))
    with pytest.raises(ValueError, match="do not fit"):
        newsroom.worker(mailing, server).run()
    assert newsroom.statuses(mailing) == {"ann": "unknown"}


def test_progress_counts_up_to_the_end(newsroom, server):
    newsroom.subscribe("ann", "bob", "reject1", "busy1")
    seen = []
    newsroom.worker(newsroom.released(), server, on_progress=seen.append).run()
    assert seen[0].total == 4
    assert seen[-1].done == 4
    assert seen[-1].counts[DeliveryStatus.REJECTED] == 1
    assert all(progress.total == 4 for progress in seen)
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)


def test_a_mailing_to_nobody_is_finished_at_once(newsroom, server):
    newsroom.subscribe("gone", status="unsubscribed")
    mailing = newsroom.mailing()
    release(newsroom.store, mailing, clock=system_clock)
    newsroom.worker(mailing, server).run()
    assert newsroom.status(mailing) is MailingStatus.FINISHED


def test_a_worker_whose_lease_was_taken_goes_on_with_a_new_chunk(newsroom, server):
    newsroom.subscribe(*(f"r{number}" for number in range(40)))
    server.delay = 0.02
    mailing = newsroom.released()
    thread = threading.Thread(target=newsroom.worker(mailing, server, lease=timedelta(seconds=60)).run)
    thread.start()
    time.sleep(0.08)
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.chunk).values(status="lapsed", fence=2))
    thread.join(10)
    assert not thread.is_alive()
    assert len(server.received) == 40 == len(server.recipients)
    assert set(newsroom.statuses(mailing).values()) == {"accepted"}
