from collections.abc import Callable
from datetime import datetime

import pytest

from newsletter import settings
from newsletter.audience import ImportResult, lists
from newsletter.errors import InputError
from newsletter.store import Store
from newsletter.store.statuses import SubscriptionStatus


def test_an_unknown_list_is_an_error_that_names_the_nearest(db: Store) -> None:
    with pytest.raises(InputError, match=r"no list is called 'weakly'\. Did you mean 'weekly'\?"):
        lists.require(db, "weakly")


def test_lists_are_counted_by_status(
    db: Store, take: Callable[..., ImportResult], clock: Callable[[], datetime]
) -> None:
    take("ann@example.org\nbob@example.org\n")
    daily, weekly = lists.counted(db, now=clock())
    assert (daily.name, daily.title, daily.counts[SubscriptionStatus.SUBSCRIBED]) == ("daily", "The Daily", 2)
    assert set(weekly.counts.values()) == {0}


def test_lists_follow_the_settings_and_none_is_lost(db: Store, clock: Callable[[], datetime]) -> None:
    wanted = {"daily": settings.MailingList(title="Every day"), "new": settings.MailingList(title="New")}
    before = lists.require(db, "daily").id
    for _ in range(2):
        lists.follow_settings(db, wanted, clock=clock)
    assert [(one.name, one.title) for one in lists.counted(db, now=clock())] == [
        ("daily", "Every day"),
        ("new", "New"),
        ("weekly", "The Weekly"),
    ]
    assert lists.require(db, "daily").id == before
