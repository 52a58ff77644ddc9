"""Who asked to join and never confirmed goes, and who left everything long ago is erased; nobody else is touched."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from newsletter.audience import lists, retention, subscribers, suppressions
from newsletter.audience.addresses import parse
from newsletter.audience.retention import Forgotten
from newsletter.errors import BlockedError
from newsletter.settings import RetentionSettings
from newsletter.store import Store
from newsletter.store.audience_tables import consent
from newsletter.store.statuses import SuppressionReason
from newsletter.store.tables import subscriber, subscription
from newsletter.tokens import TokenKeys

Clock = Callable[[], datetime]
KEYS = TokenKeys({0: b"a key for the tests only"})
POLICY = RetentionSettings(unconfirmed_days=14, left_days=100)


def reader(db: Store, clock: Clock, name: str, *, age: int, **statuses: str) -> int:
    """A reader, in a state on each list, of whom nothing was heard for so many days."""
    at = clock() - timedelta(days=age)
    number = 0
    for list_name, status in statuses.items():
        found, _ = subscribers.add(db, f"{name}@example.org", list_name=list_name, consent="yes", clock=lambda: at)
        number, target = found.id, lists.require(db, list_name).id
        of = (subscription.c.subscriber_id == number) & (subscription.c.list_id == target)
        with db.writing() as connection:
            connection.execute(update(subscription).where(of).values(status=status))
    return number


def left(db: Store) -> list[str]:
    with db.reading() as connection:
        names = connection.execute(select(subscriber.c.address).order_by(subscriber.c.address)).scalars()
        return [name.partition("@")[0] for name in names]


def forget(db: Store, clock: Clock, policy: RetentionSettings = POLICY, batch: int = 100) -> Forgotten:
    planned = retention.survey(db, policy, now=clock())
    done = retention.forget(db, policy, now=clock(), fingerprint=KEYS.fingerprint, batch=batch)
    assert done == planned
    assert retention.survey(db, policy, now=clock()) == Forgotten()
    return done


def test_a_sign_up_that_nobody_confirmed_goes_without_a_trace(db: Store, clock: Clock) -> None:
    reader(db, clock, "old", age=15, daily="unconfirmed")
    reader(db, clock, "new", age=13, daily="unconfirmed")
    reader(db, clock, "both", age=15, daily="unconfirmed", weekly="subscribed")
    assert forget(db, clock) == Forgotten(unconfirmed=2)
    assert left(db) == ["both", "new"]
    with db.reading() as connection:
        assert connection.execute(select(func.count()).select_from(consent)).scalar_one() == 2
    # They may be asked again, by anybody.
    again, added = subscribers.add(
        db, "old@example.org", list_name="daily", consent="yes", clock=clock, fingerprint=KEYS.fingerprint
    )
    assert added
    assert again.suppressed is None


def test_who_asked_again_lately_is_waited_for(db: Store, clock: Clock) -> None:
    reader(db, clock, "ann", age=15, daily="unconfirmed")
    with db.writing() as connection:
        connection.execute(update(consent).values(at=clock() - timedelta(days=1)))
    assert forget(db, clock) == Forgotten()
    assert left(db) == ["ann"]


def test_who_left_everything_long_ago_is_erased_and_stays_out(db: Store, clock: Clock) -> None:
    reader(db, clock, "old", age=101, daily="unsubscribed", weekly="unsubscribed")
    reader(db, clock, "new", age=99, daily="unsubscribed")
    reader(db, clock, "half", age=101, daily="unsubscribed", weekly="subscribed")
    assert forget(db, clock, batch=1) == Forgotten(left=1)
    assert left(db) == ["half", "new"]
    with pytest.raises(BlockedError, match="erased"):
        subscribers.add(
            db, "old@example.org", list_name="daily", consent="yes", clock=clock, fingerprint=KEYS.fingerprint
        )


def test_what_was_suppressed_of_the_unconfirmed_stays_so(db: Store, clock: Clock) -> None:
    reader(db, clock, "old", age=15, daily="unconfirmed")
    suppressions.add(db, parse("old@example.org"), SuppressionReason.COMPLAINT, clock=clock)
    forget(db, clock)
    assert suppressions.is_suppressed(db, parse("old@example.org"), fingerprint=KEYS.fingerprint) == "complaint"


def test_zero_keeps_for_ever_and_stopping_stops(db: Store, clock: Clock) -> None:
    reader(db, clock, "old", age=9999, daily="unconfirmed", weekly="unsubscribed")
    forever = RetentionSettings(unconfirmed_days=0, left_days=0)
    assert forget(db, clock, forever) == Forgotten()
    done = retention.forget(db, POLICY, now=clock(), fingerprint=KEYS.fingerprint, stop=lambda: True)
    assert done == Forgotten()
    assert left(db) == ["old"]
