from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from newsletter.delivery import control
from newsletter.errors import BlockedError, InputError
from newsletter.publishing import mailings
from newsletter.store import tables
from newsletter.store.statuses import MailingStatus


@pytest.fixture
def mailing(newsroom):
    newsroom.subscribe("ann", "bob", "cyd", "dan", "eve", "fay")
    return newsroom.released()


def audit_of(newsroom, action):
    with newsroom.store.reading() as connection:
        found = select(tables.audit).where(tables.audit.c.action == action)
        return [(row.actor, row.subject, row.detail) for row in connection.execute(found)]


def set_statuses(newsroom, now, **states):
    """Local part → state, with the attempt that led to it where it has a reply: (state, code, reply)."""
    with newsroom.store.writing() as connection:
        wave_id = connection.execute(select(tables.wave.c.id)).scalar_one()
        row = {"wave_id": wave_id, "status": "closed", "worker": "w", "created_at": now, "lease_until": now}
        chunk_id = connection.execute(insert(tables.chunk).values(row).returning(tables.chunk.c.id)).scalar_one()
        for name, state in states.items():
            status, code, reply = state if isinstance(state, tuple) else (state, None, "")
            who = select(tables.subscriber.c.id).where(tables.subscriber.c.address == f"{name}@readers.example")
            of_them = tables.delivery.c.subscriber_id == who.scalar_subquery()
            values = {"status": status, "fence": 1, "chunk_id": chunk_id, "changed_at": now}
            connection.execute(update(tables.delivery).where(of_them).values(values))
            number = connection.execute(select(tables.delivery.c.id).where(of_them)).scalar_one()
            if isinstance(state, tuple):
                tried = {"started_at": now, "ended_at": now, "outcome": status, "code": code, "reply": reply}
                attempt = {"chunk_id": chunk_id, "delivery_id": number, "fence": 1, **tried}
                connection.execute(insert(tables.attempt).values(attempt))


def finish(newsroom, mailing, now):
    return mailings.move(newsroom.store, mailing, mailing.finish(now))


def test_pause_and_resume_are_in_the_audit(newsroom, mailing):
    now = mailing.created_at
    assert control.pause(newsroom.store, mailing.id, actor="ada", now=now).status is MailingStatus.PAUSED
    with pytest.raises(BlockedError, match="is paused and cannot be paused"):
        control.pause(newsroom.store, mailing.id, actor="ada", now=now)
    assert control.resume(newsroom.store, mailing.id, actor="ada", now=now).status is MailingStatus.SENDING
    assert audit_of(newsroom, "mailing.pause") == [("ada", f"mailing:{mailing.id}", {})]
    assert [actor for actor, _, _ in audit_of(newsroom, "mailing.resume")] == ["ada"]


def test_a_mailing_past_its_time_is_resumed_only_with_more(newsroom, mailing):
    late = mailing.not_later_than + timedelta(hours=1)
    control.pause(newsroom.store, mailing.id, actor="ada", now=late)
    with pytest.raises(BlockedError, match="was over at"):
        control.resume(newsroom.store, mailing.id, actor="ada", now=late)
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.PAUSED
    more = control.resume(newsroom.store, mailing.id, actor="ada", now=late, more=timedelta(hours=2))
    assert more.not_later_than == late + timedelta(hours=2)


def test_cancel_withdraws_what_is_pending_and_leaves_the_rest(newsroom, mailing):
    now = mailing.created_at
    set_statuses(newsroom, now, ann="accepted", bob="sending", cyd="deferred", dan="unknown")
    assert control.cancel(newsroom.store, mailing.id, actor="ada", now=now) == 3
    assert newsroom.statuses(mailing) == {
        "ann": "accepted",
        "bob": "sending",
        "cyd": "withdrawn",
        "dan": "unknown",
        "eve": "withdrawn",
        "fay": "withdrawn",
    }
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.CANCELLED
    assert control.cancel(newsroom.store, mailing.id, actor="ada", now=now) == 0
    assert len(audit_of(newsroom, "mailing.cancel")) == 1


def test_a_finished_mailing_cannot_be_cancelled(newsroom, mailing):
    finish(newsroom, mailing, mailing.created_at)
    with pytest.raises(BlockedError, match="is finished and cannot be cancelled"):
        control.cancel(newsroom.store, mailing.id, actor="ada", now=mailing.created_at)


def test_retry_touches_failed_ones_only(newsroom, mailing):
    now = mailing.created_at
    states = {
        "ann": ("accepted", 250, "ok"),
        "bob": ("rejected", 550, "5.7.1 blocked by policy"),
        "cyd": ("rejected", 550, "5.1.1 no such user"),
        "dan": "expired",
        "eve": ("unknown", None, "no answer"),
        "fay": "withdrawn",
    }
    set_statuses(newsroom, now, **states)
    finish(newsroom, mailing, now)
    done = control.retry(newsroom.store, mailing.id, actor="ada", now=now)
    assert (done.expired, done.rejected, done.left) == (1, 1, 1)
    assert newsroom.statuses(mailing) == {
        "ann": "accepted",
        "bob": "pending",
        "cyd": "rejected",
        "dan": "pending",
        "eve": "unknown",
        "fay": "withdrawn",
    }
    again = mailings.get(newsroom.store, mailing.id)
    assert (again.status, again.finished_at) == (MailingStatus.SENDING, None)
    assert again.not_later_than == now + control.PATIENCE
    assert audit_of(newsroom, "mailing.retry")[0][2] == {"expired": 1, "rejected": 1}


def test_retry_says_so_where_nothing_has_failed(newsroom, mailing):
    set_statuses(newsroom, mailing.created_at, cyd=("rejected", 550, "5.1.1 no such user"))
    with pytest.raises(BlockedError, match="nothing of mailing 1 can be tried again; 1 were rejected for good"):
        control.retry(newsroom.store, mailing.id, actor="ada", now=mailing.created_at)


@pytest.mark.parametrize(
    ("code", "reply", "worth"),
    [
        (550, "5.1.1 no such user", False),
        (550, "5.1.10 null MX", False),
        (553, "mailbox name not allowed", False),
        (None, "the address cannot stand in an SMTP command", False),
        (550, "5.7.1 blocked", True),
        (552, "5.2.2 mailbox full", True),
        (550, "5.1.8 sender's domain does not exist", True),
        (554, "transaction failed", True),
    ],
)
def test_which_rejections_a_person_may_retry(code, reply, worth):
    assert control.worth_retrying(code, reply) is worth


def test_the_unknown_are_shown_by_name_with_what_was_said(newsroom, mailing):
    set_statuses(newsroom, mailing.created_at, bob=("unknown", None, "no answer after the message"))
    (bob,) = control.unknown_of(newsroom.store, mailing.id)
    assert (bob.address, bob.name, bob.why) == ("bob@readers.example", "Bob", "no answer after the message")
    assert bob.quiet_until > bob.since


def test_a_person_decides_on_the_unknown_and_the_audit_keeps_it(newsroom, mailing):
    now = mailing.created_at
    set_statuses(newsroom, now, ann="accepted", bob="unknown", cyd="unknown", dan="unknown")
    bob, cyd, dan = (one.delivery for one in control.unknown_of(newsroom.store, mailing.id))

    def resolve(verdict, *which, after=0.0):
        later = now + timedelta(seconds=after)
        return control.resolve(newsroom.store, mailing.id, verdict, deliveries=which or None, actor="ada", now=later)

    assert resolve("accepted", bob).decided == 1
    assert resolve("rejected", cyd).decided == 1
    with pytest.raises(BlockedError, match="may still come"):
        resolve("pending", after=10)
    assert resolve("pending", after=301).decided == 1
    with pytest.raises(BlockedError, match="nothing of mailing 1 is unknown"):
        resolve("accepted")
    statuses = newsroom.statuses(mailing)
    assert [statuses[name] for name in ("bob", "cyd", "dan")] == ["accepted", "rejected", "pending"]
    assert [detail for _, _, detail in audit_of(newsroom, "mailing.resolve")] == [
        {"as": "accepted", "deliveries": 1, "ids": [bob]},
        {"as": "rejected", "deliveries": 1, "ids": [cyd]},
        {"as": "pending", "deliveries": 1, "ids": [dan]},
    ]


def test_those_that_are_quiet_still_do_not_keep_the_others_from_being_sent_again(newsroom, mailing):
    now = mailing.created_at
    set_statuses(newsroom, now, ann="unknown", bob="unknown", cyd="unknown")
    ann, bob, cyd = (one.delivery for one in control.unknown_of(newsroom.store, mailing.id))
    late = now + timedelta(seconds=200)
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.delivery).where(tables.delivery.c.id == cyd).values(changed_at=late))

    def resolve(which, after):
        at = now + timedelta(seconds=after)
        return control.resolve(newsroom.store, mailing.id, "pending", deliveries=which, actor="ada", now=at)

    quiet_until = late + timedelta(minutes=5)
    assert resolve([bob, cyd], 301) == control.Resolved(decided=1, left=1, quiet_until=quiet_until)
    assert resolve(None, 302) == control.Resolved(decided=1, left=1, quiet_until=quiet_until)
    with pytest.raises(BlockedError, match=f"may still come until {quiet_until:%H:%M:%S}"):
        resolve(None, 303)
    assert resolve(None, 500) == control.Resolved(decided=1)
    assert [detail["ids"] for _, _, detail in audit_of(newsroom, "mailing.resolve")] == [[bob], [ann], [cyd]]


def test_deciding_on_a_delivery_that_is_not_unknown_changes_nothing(newsroom, mailing):
    set_statuses(newsroom, mailing.created_at, bob="unknown")
    with pytest.raises(InputError, match="delivery 999 is none of the unknown"):
        control.resolve(
            newsroom.store, mailing.id, "accepted", deliveries=[2, 999], actor="ada", now=mailing.created_at
        )
    assert newsroom.statuses(mailing)["bob"] == "unknown"


def test_sending_the_unknown_again_reopens_a_finished_mailing(newsroom, mailing):
    now = mailing.created_at
    set_statuses(newsroom, now, bob="unknown")
    finish(newsroom, mailing, now)
    later = now + timedelta(hours=2)
    control.resolve(newsroom.store, mailing.id, "pending", deliveries=None, actor="ada", now=later)
    assert mailings.get(newsroom.store, mailing.id).status is MailingStatus.SENDING


def test_nothing_of_a_cancelled_mailing_is_sent_again(newsroom, mailing):
    now = mailing.created_at
    set_statuses(newsroom, now, bob="unknown", dan="expired")
    control.cancel(newsroom.store, mailing.id, actor="ada", now=now)
    later = now + timedelta(hours=2)
    with pytest.raises(BlockedError, match="was cancelled"):
        control.resolve(newsroom.store, mailing.id, "pending", deliveries=None, actor="ada", now=later)
    with pytest.raises(BlockedError, match="was cancelled"):
        control.retry(newsroom.store, mailing.id, actor="ada", now=later)
    done = control.resolve(newsroom.store, mailing.id, "accepted", deliveries=None, actor="ada", now=later)
    assert done == control.Resolved(decided=1)


@pytest.mark.parametrize("step", ["pause", "resume", "cancel", "retry"])
def test_a_mailing_that_is_not_there_is_an_input_error(newsroom, noon, step):
    with pytest.raises(InputError, match="there is no mailing 12"):
        getattr(control, step)(newsroom.store, 12, actor="ada", now=noon)
