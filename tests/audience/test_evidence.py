from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select, true

from newsletter.audience import evidence, lists, subscribers
from newsletter.audience.evidence import Step
from newsletter.store import Store
from newsletter.store.audience_tables import wording
from newsletter.store.statuses import ConsentStep, ConsentWay
from newsletter.store.tables import subscription

Clock = Callable[[], datetime]


def step(at: datetime, what: ConsentStep, **more: str) -> Step:
    return Step(at=at, what=what, how=ConsentWay.FORM, **more)


def test_words_and_their_source_are_kept_once(db: Store) -> None:
    with db.writing() as connection:
        first = evidence.wording_of(connection, text="Yes, send it", source="home page")
        assert evidence.wording_of(connection, text="Yes, send it", source="home page") == first
        assert evidence.wording_of(connection, text="Yes, send it", source="a letter") != first
        # What stands between the two cannot be typed so that others look the same.
        one = evidence.wording_of(connection, text="a", source="b c")
        assert evidence.wording_of(connection, text="a b", source="c") != one
        assert connection.execute(select(func.count()).select_from(wording)).scalar_one() == 4


def test_steps_are_told_in_order_and_of_each_subscription_alone(db: Store, clock: Clock) -> None:
    at = clock()
    ann, _ = subscribers.add(db, "ann@example.org", list_name="daily", consent="Asked at the fair", clock=clock)
    bob, _ = subscribers.add(db, "bob@example.org", list_name="daily", consent="Asked at the fair", clock=clock)
    daily = lists.require(db, "daily").id
    with db.writing() as connection:
        of_ann = evidence.of_pair(ann.id, daily)
        left = step(at + timedelta(days=1), ConsentStep.LEFT, network="192.0.2.0/24", language="de")
        evidence.note(connection, of_ann, left)
        number = connection.execute(select(subscription.c.id).where(of_ann)).scalar_one()
        other = connection.execute(select(subscription.c.id).where(evidence.of_pair(bob.id, daily))).scalar_one()
        found = evidence.steps_of(connection, [number, other])
    assert [each.what for each in found[number]] == [ConsentStep.ADDED, ConsentStep.LEFT]
    assert found[number][1] == left
    assert [(each.what, each.text) for each in found[other]] == [(ConsentStep.ADDED, "Asked at the fair")]


def test_many_get_a_step_at_once_and_nobody_none(db: Store, clock: Clock) -> None:
    for name in ("ann", "bob", "cyd"):
        subscribers.add(db, f"{name}@example.org", list_name="daily", consent="yes", clock=clock)
    told = step(clock(), ConsentStep.CHANGED, text="New words", source="a mail")
    with db.writing() as connection:
        evidence.note(connection, true(), told)
        evidence.note(connection, evidence.of_pair(0, 0), told)
        numbers = connection.execute(select(subscription.c.id)).scalars().all()
        found = evidence.steps_of(connection, numbers)
        assert [steps[-1] for steps in found.values()] == [told] * 3
        assert [len(steps) for steps in found.values()] == [2] * 3
        assert evidence.steps_of(connection, []) == {}
