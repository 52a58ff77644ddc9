from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert

from newsletter.audience import labelling, leaving, lists, preferences, subscribers, timeline
from newsletter.store import Store
from newsletter.store.statuses import ConsentWay, DeliveryStatus, Exclusion
from newsletter.store.tables import delivery, edition, mailing, wave

Clock = Callable[[], datetime]


def test_nobody_has_no_dossier(db: Store, clock: Clock) -> None:
    assert timeline.dossier(db, "ann@example.org", now=clock()) is None


def test_what_is_known_of_a_person_is_told_in_the_order_of_time(db: Store, clock: Clock) -> None:
    at = clock()
    ann, _ = subscribers.add(db, "ann@example.org", list_name="daily", consent="Asked at the fair", clock=clock)
    subscribers.add(db, "ann@example.org", list_name="weekly", consent="By mail", clock=clock)
    daily = lists.require(db, "daily").id
    with db.writing() as connection:
        labelling.put_on(connection, ann.id, ["donor"])
        labelling.set_values(connection, ann.id, {"country": "US"})
        _sent(connection, daily, ann.id, at + timedelta(days=1))
    preferences.pause(
        db, ann.id, daily, weeks=1, at=at + timedelta(days=2), how=ConsentWay.PAGE, network="192.0.2.0/24"
    )
    weekly = lists.require(db, "weekly").id
    leaving.leave(db, ann.id, weekly, at=at + timedelta(days=3), how=ConsentWay.ONE_CLICK)
    found = timeline.dossier(db, "ANN@example.org", now=at + timedelta(days=4))
    assert found is not None
    assert (found.tags, found.attributes) == (("donor",), {"country": "US"})
    assert found.paused == {"daily": at + timedelta(days=9)}
    told = [
        f"{entry.list_name} {entry.step.what if isinstance(entry, timeline.Happened) else entry.status}"
        for entry in found.timeline
    ]
    assert told == ["daily added", "weekly added", "daily withdrawn", "daily paused", "weekly left"]
    (got,) = found.deliveries
    assert (got.status, got.reason, got.issue) == (DeliveryStatus.WITHDRAWN, Exclusion.PAUSED, "ferries")
    assert found.evidence[0].step.text == "Asked at the fair"
    later = timeline.dossier(db, "ann@example.org", now=at + timedelta(days=30))
    assert later is not None
    assert later.paused == {}


def _sent(connection: Connection, daily: int, reader: int, at: datetime) -> None:

    row = {"digest": "d", "issue": "ferries", "subject": "s", "content": b"", "created_at": at}
    connection.execute(insert(edition).values(row))
    of = {"list_id": daily, "local_date": at.date(), "kind": "issue", "issue": "ferries", "edition_digest": "d"}
    of |= {"status": "finished", "not_later_than": at, "excluded": {}, "created_at": at}
    connection.execute(insert(mailing).values(id=1, **of))
    connection.execute(insert(wave).values(id=1, mailing_id=1, due_at=at, edition_digest="d"))
    got = {"mailing_id": 1, "wave_id": 1, "subscriber_id": reader, "status": "withdrawn", "reason": "paused"}
    connection.execute(insert(delivery).values(changed_at=at, **got))
