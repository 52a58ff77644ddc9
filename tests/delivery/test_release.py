import threading

from sqlalchemy import event, select, update

from newsletter.clock import system_clock
from newsletter.delivery import release, survey
from newsletter.publishing import mailings
from newsletter.store import tables
from newsletter.store.statuses import Exclusion


def test_everyone_is_selected_and_whoever_may_not_is_excluded_by_reason(newsroom):
    newsroom.subscribe("ann", "bob", "sup")
    newsroom.subscribe("gone", status="unsubscribed")
    newsroom.subscribe("unsure", status="unconfirmed")
    newsroom.suppress("sup@readers.example")
    mailing = newsroom.mailing()
    counts = release(newsroom.store, mailing, clock=system_clock)
    assert counts.selected == 5 == counts.prepared + sum(counts.excluded.values())
    assert counts.excluded == {Exclusion.SUPPRESSED: 1, Exclusion.UNSUBSCRIBED: 1, Exclusion.UNCONFIRMED: 1}
    assert newsroom.statuses(mailing) == {"ann": "pending", "bob": "pending"}


def test_who_has_the_issue_from_another_list_does_not_get_it_twice(newsroom):
    newsroom.subscribe("ann", "bob")
    newsroom.subscribe("bob", "cyd", list_name="weekly")
    newsroom.released()
    counts = release(newsroom.store, newsroom.mailing(list_name="weekly"), clock=system_clock)
    assert (counts.prepared, counts.excluded) == (1, {Exclusion.HAS_ISSUE: 1})


def test_who_left_the_other_list_before_it_came_gets_it_from_this_one(newsroom):
    newsroom.subscribe("bob")
    newsroom.subscribe("bob", list_name="weekly")
    newsroom.released()
    with newsroom.store.writing() as connection:
        connection.execute(update(tables.delivery).values(status="withdrawn"))
    assert release(newsroom.store, newsroom.mailing(list_name="weekly"), clock=system_clock).prepared == 1


def test_who_left_the_other_list_while_their_copy_waits_there_gets_it_from_this_one(newsroom):
    newsroom.subscribe("ann", "bob")
    newsroom.subscribe("ann", "bob", list_name="weekly")
    daily = newsroom.released()
    with newsroom.store.writing() as connection:
        connection.execute(
            update(tables.subscription)
            .where(tables.subscription.c.list_id == daily.list_id)
            .where(tables.subscription.c.subscriber_id == select(tables.subscriber.c.id).limit(1).scalar_subquery())
            .values(status="unsubscribed")
        )
    counts = release(newsroom.store, newsroom.mailing(list_name="weekly"), clock=system_clock)
    assert (counts.prepared, counts.excluded) == (1, {Exclusion.HAS_ISSUE: 1})


def test_another_issue_on_another_list_excludes_nobody(newsroom):
    newsroom.subscribe("ann")
    newsroom.subscribe("ann", list_name="weekly")
    newsroom.released()
    other = newsroom.mailing(list_name="weekly", issue="2026-11-23-trams")
    assert release(newsroom.store, other, clock=system_clock).prepared == 1


def test_releasing_in_batches_or_again_changes_nothing(newsroom):
    newsroom.subscribe(*(f"r{number:02}" for number in range(25)))
    newsroom.suppress("r07@readers.example")
    mailing = newsroom.mailing()
    counts = release(newsroom.store, mailing, clock=system_clock, batch=4)
    assert (counts.selected, counts.prepared, counts.excluded) == (25, 24, {Exclusion.SUPPRESSED: 1})
    newsroom.subscribe("late")
    assert release(newsroom.store, mailing, clock=system_clock) == counts
    assert len(newsroom.statuses(mailing)) == 24


def test_a_release_that_is_to_stop_ends_with_its_batch_and_the_next_goes_on(newsroom):
    newsroom.subscribe(*(f"r{number:02}" for number in range(25)))
    mailing = newsroom.mailing()
    stop = threading.Event()

    def asked(_connection, _cursor, statement, *_):
        if statement.startswith("INSERT INTO delivery"):
            stop.set()

    event.listen(newsroom.store.engine, "before_cursor_execute", asked)
    stopped = release(newsroom.store, mailing, clock=system_clock, batch=4, stop=stop)
    assert stopped.prepared == 4
    assert len(newsroom.statuses(mailing)) == stopped.prepared
    assert release(newsroom.store, mailing, clock=system_clock, batch=4).prepared == 25


def test_a_release_that_was_cut_off_goes_on_where_it_stopped(newsroom):
    newsroom.subscribe(*(f"r{number:02}" for number in range(25)))
    mailing = newsroom.mailing()
    statements = 0

    def cut(*_):
        nonlocal statements
        statements += 1
        if statements == 20:
            raise KeyboardInterrupt

    event.listen(newsroom.store.engine, "before_cursor_execute", cut)
    try:
        release(newsroom.store, mailing, clock=system_clock, batch=4)
    except KeyboardInterrupt:
        pass
    finally:
        event.remove(newsroom.store.engine, "before_cursor_execute", cut)
    assert 0 < len(newsroom.statuses(mailing)) < 25
    counts = release(newsroom.store, mailing, clock=system_clock, batch=4)
    assert (counts.selected, counts.prepared, counts.excluded) == (25, 25, {})
    assert len(newsroom.statuses(mailing)) == 25
    with newsroom.store.reading() as connection:
        assert connection.execute(select(tables.wave.c.released_at)).scalar_one() is not None


def test_a_survey_tells_what_a_release_would_do_and_writes_nothing(newsroom):
    newsroom.subscribe("ann", "sup")
    newsroom.suppress("sup@readers.example")
    target = newsroom.list()
    before = survey(newsroom.store, list_id=target.id, issue="2026-11-23-ferries", now=system_clock())
    assert mailings.find(newsroom.store, target, system_clock().date()) is None
    mailing = newsroom.mailing()
    assert release(newsroom.store, mailing, clock=system_clock) == before
    seen_by_itself = survey(
        newsroom.store, list_id=target.id, issue=mailing.issue, mailing_id=mailing.id, now=system_clock()
    )
    assert seen_by_itself == before
