from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import update

from newsletter.audience import addresses, subscribers, suppressions
from newsletter.errors import BlockedError, InputError
from newsletter.store import Store
from newsletter.store.statuses import SubscriptionStatus, SuppressionReason
from newsletter.store.tables import subscription

Clock = Callable[[], datetime]


def test_a_person_is_added_once_and_found_in_any_spelling(db: Store, clock: Clock) -> None:
    given = {"list_name": "daily", "consent": "Asked at the fair", "clock": clock}
    ann, added = subscribers.add(
        db, "Ann@BÜCHER.example", name="Ann\r\nExample", zone="Asia/Tokyo", language="ja", **given
    )
    again, changed = subscribers.add(db, "ann@xn--bcher-kva.example", name="Other", **given)
    assert (added, changed) == (True, False)
    assert ann == again == subscribers.find(db, "ANN@bücher.example")
    assert (ann.address, ann.name, ann.zone, ann.language) == (
        "Ann@xn--bcher-kva.example",
        "Ann Example",
        "Asia/Tokyo",
        "ja",
    )
    (held,) = ann.subscriptions
    assert (held.status, held.consent_text, held.consent_at) == (
        SubscriptionStatus.SUBSCRIBED,
        "Asked at the fair",
        clock(),
    )


def test_nobody_is_found_where_nobody_is(db: Store) -> None:
    assert subscribers.find(db, "ann@example.org") is None


@pytest.mark.parametrize(
    "wrong", [{"address": "ann"}, {"consent": " "}, {"zone": "Mars"}, {"language": "?"}, {"list_name": "x"}]
)
def test_bad_input_adds_nobody(db: Store, clock: Clock, wrong: dict[str, str]) -> None:
    given = {"address": "ann@example.org", "list_name": "daily", "consent": "yes"} | wrong
    with pytest.raises(InputError):
        subscribers.add(db, given.pop("address"), clock=clock, **given)
    assert subscribers.find(db, "ann@example.org") is None


@pytest.mark.parametrize("reason", SuppressionReason)
def test_suppressed_people_are_refused_by_a_masked_address(db: Store, clock: Clock, reason: SuppressionReason) -> None:
    suppressions.add(db, addresses.parse("ann@example.org"), reason, clock=clock)
    with pytest.raises(BlockedError, match=f"a…@example.org is suppressed \\({reason}\\)"):
        subscribers.add(db, "Ann@example.org", list_name="daily", consent="yes", clock=clock)


@pytest.mark.parametrize("status", ["unsubscribed", "unconfirmed"])
def test_who_left_or_has_not_confirmed_is_not_put_back_by_others(db: Store, clock: Clock, status: str) -> None:
    subscribers.add(db, "ann@example.org", list_name="daily", consent="yes", clock=clock)
    with db.writing() as connection:
        connection.execute(update(subscription).values(status=status))
    with pytest.raises(BlockedError, match="'daily'"):
        subscribers.add(db, "ann@example.org", list_name="daily", consent="yes", clock=clock)


def test_a_suppression_shows_on_the_subscriber(db: Store, clock: Clock) -> None:
    subscribers.add(db, "ann@example.org", list_name="daily", consent="yes", clock=clock)
    suppressions.add(db, addresses.parse("ann@example.org"), SuppressionReason.BOUNCE, clock=clock)
    ann = subscribers.find(db, "ann@example.org")
    assert ann is not None
    assert ann.suppressed is SuppressionReason.BOUNCE
