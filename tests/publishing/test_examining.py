"""The whole way of an edition through people's hands to the gate: real files, a real database, a real inbox."""

import itertools
import threading
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from newsletter import store
from newsletter.errors import BlockedError
from newsletter.publishing import approvals, mailings, users
from newsletter.settings import ApprovalSettings, load
from newsletter.store import tables
from newsletter.store.statuses import MailingStatus, UserRole


def refused(room):
    with pytest.raises(BlockedError) as caught:
        room.app.plan(room.issue(), "daily")
    return [finding.code for finding in caught.value.findings]


def count(room, table):
    with room.app.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def with_rules(room, **rules):
    settings = room.app.settings.model_copy(update={"approval": ApprovalSettings(**rules)})
    return replace(room, app=replace(room.app, settings=settings))


def test_the_sample_has_nothing_against_it_but_that_nobody_signed(room):
    assert refused(room) == ["GATE-NOT-TESTED", "GATE-NOT-APPROVED"]


def test_what_was_tested_and_approved_is_what_is_sent(room, ada):
    room.sign(ada)
    plan = room.app.plan(room.issue(), "daily")
    report = room.app.send(plan, actor="ada")
    assert report.finished
    assert report.mailing.edition_digest == room.digest()


@pytest.mark.parametrize(
    "edit",
    [
        ("roundup.txt", "street that floats", "street that floatz"),
        ("issue.toml", "ferries be free?", "ferries be free!"),
        ("../../newsletter.toml", 'name = "The Harbour Letter"', 'name = "The Harbour Lettre"'),
    ],
)
def test_an_edit_of_one_letter_after_approval_closes_the_gate(folder, room, ada, edit):
    room.sign(ada)
    file, old, new = edit
    room.edit(old, new, file=file)
    edited = replace(room, app=replace(room.app, settings=load(folder)))
    assert refused(edited) == ["GATE-OTHER-EDITION", "GATE-NOT-TESTED", "GATE-NOT-APPROVED"]
    assert count(room, tables.mailing) == 0


def test_undoing_the_edit_opens_it_again(room, ada):
    room.sign(ada)
    room.edit("floats", "floatz")
    refused(room)
    room.edit("floatz", "floats")
    assert room.app.plan(room.issue(), "daily").edition.digest == room.digest()


def test_an_edit_between_test_and_approval_needs_a_new_test(room, ada):
    room.test(ada)
    room.edit("floats", "floatz")
    room.approve(ada)
    assert refused(room) == ["GATE-OTHER-EDITION", "GATE-NOT-TESTED"]


def test_an_approval_withdrawn_after_the_plan_stops_the_send(room, ada):
    room.sign(ada)
    plan = room.app.plan(room.issue(), "daily")
    approvals.withdraw(room.app.store, issue=room.slug, user=ada, now=room.app.clock())
    with pytest.raises(BlockedError) as refused:
        room.app.send(plan, actor="ada")
    assert "0 of 1 approvals" in refused.value.findings[0].message
    assert count(room, tables.mailing) == 0


def test_approving_while_somebody_edits_never_lets_another_edition_through(room, ada):
    ended = threading.Event()
    letters = itertools.cycle(["floatz", "floats"])

    def edit():
        at = "floats"
        while not ended.is_set():
            then = next(letters)
            room.edit(at, then)
            at = then

    editor = threading.Thread(target=edit)
    editor.start()
    plans = []
    try:
        room.test(ada)
        for _ in range(12):
            room.approve(ada)
            with suppress(BlockedError):
                plans.append(room.app.plan(room.issue(), "daily"))
    finally:
        ended.set()
        editor.join()
    with room.app.store.reading() as connection:
        tested = set(connection.execute(select(tables.notice.c.edition_digest)).scalars())
        approved = set(connection.execute(select(tables.approval.c.edition_digest)).scalars())
    assert {plan.edition.digest for plan in plans} <= tested & approved
    if plans:
        report = room.app.send(plans[-1], actor="ada")
        assert report.mailing.edition_digest in tested & approved


def half_sent(room):
    plan = room.app.plan(room.issue(), "daily")
    now = room.app.clock()
    order = mailings.Order(
        issue=room.slug,
        edition=plan.edition,
        target=plan.target,
        local_date=plan.issue.date,
        not_later_than=now + timedelta(hours=1),
        actor="ada",
    )
    return mailings.create(room.app.store, order, now=now)


def test_a_send_that_was_cut_off_goes_on_without_asking_again(room, ada):
    room.sign(ada)
    mailing = half_sent(room)
    users.disable(room.app.store, "Ada Marlow", actor="a test", now=room.app.clock())
    plan = room.app.plan(room.issue(), "daily")
    assert plan.unfinished == mailing
    assert room.app.send(plan, actor="ada").mailing.status is MailingStatus.FINISHED


def test_a_cut_off_send_does_not_go_on_with_another_edition(room, ada):
    room.sign(ada)
    half_sent(room)
    room.edit("floats", "floatz")
    assert refused(room) == ["GATE-ALREADY-SENT"]


def test_an_approval_of_what_is_on_its_way_cannot_be_withdrawn(room, ada):
    room.sign(ada)
    half_sent(room)
    with pytest.raises(BlockedError, match=r"on its way or sent already \(mailing 1\)"):
        approvals.withdraw(room.app.store, issue=room.slug, user=ada, now=room.app.clock())


def test_approving_twice_is_the_same_as_once(room, ada):
    assert [room.approve(ada), room.approve(ada)] == [True, False]
    assert count(room, tables.approval) == 1


def test_a_withdrawn_approval_can_be_given_again(room, ada):
    room.sign(ada)
    withdraw = approvals.withdraw
    assert withdraw(room.app.store, issue=room.slug, user=ada, now=room.app.clock()) == [room.digest()]
    assert withdraw(room.app.store, issue=room.slug, user=ada, now=room.app.clock()) == []
    assert refused(room) == ["GATE-NOT-APPROVED"]
    assert room.approve(ada)
    room.app.plan(room.issue(), "daily")


def test_what_a_disabled_user_approved_no_longer_counts(room, ada):
    room.sign(ada)
    users.disable(room.app.store, "ada marlow", actor="a test", now=room.app.clock())
    assert refused(room) == ["GATE-NOT-APPROVED"]


def test_an_issue_that_the_checks_refuse_cannot_be_approved(room, ada):
    room.edit("Ben Ostler, Ledger of the Bay", "")
    with pytest.raises(BlockedError) as caught:
        room.approve(ada)
    assert "QUOTE-NO-ATTRIBUTION" in [finding.code for finding in caught.value.findings]
    assert count(room, tables.approval) == 0


def test_who_only_writes_may_test_and_not_approve(room):
    wim = room.add_user("Wim", UserRole.WRITER)
    room.test(wim)
    with pytest.raises(BlockedError, match="Wim is writer and may not approve"):
        room.approve(wim)


def test_a_newsroom_may_do_without_tests_or_approvals(room):
    without = with_rules(room, tested=False, needed=0)
    without.app.plan(without.issue(), "daily")
    assert refused(with_rules(room, tested=False)) == ["GATE-NOT-APPROVED"]
    assert refused(with_rules(room, needed=0)) == ["GATE-NOT-TESTED"]


def test_the_authors_own_approval_counts_unless_the_rules_say_otherwise(room, ada):
    strict = with_rules(room, by_author=False)
    assert refused(strict) == ["GATE-NOT-TESTED", "GATE-AUTHOR-UNKNOWN", "GATE-NOT-APPROVED"]
    room.edit("subject", 'author = "ada  MARLOW"\nsubject', file="issue.toml")
    room.sign(ada)
    room.app.plan(room.issue(), "daily")
    assert refused(strict) == ["GATE-NOT-APPROVED"]
    room.approve(room.add_user("Bea"))
    strict.app.plan(room.issue(), "daily")


def test_one_of_the_left_and_one_of_the_right(room, ada):
    paired = with_rules(room, sides=("left", "right"), needed=2)
    room.sign(ada)
    room.approve(room.add_user("Lea", side="left"))
    assert refused(paired) == ["GATE-SIDE-NOT-APPROVED"]
    room.approve(room.add_user("Rob", side="right"))
    paired.app.plan(room.issue(), "daily")


def test_two_that_approve_at_once_are_both_recorded(room, ada, database_url):
    people = [ada, room.add_user("Bea"), room.add_user("Cyd"), room.add_user("Dan")]
    examined = room.app.examine(room.issue())
    ready = threading.Barrier(len(people))

    def give(user):
        with closing(store.open(database_url)) as own:
            ready.wait()
            for _ in range(3):
                approvals.approve(own, examined, user=user, now=room.app.clock())

    threads = [threading.Thread(target=give, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(room, tables.approval) == len(people)
    assert len(room.app.examine(room.issue()).standing.approvals) == len(people)
