import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import BlockedError
from newsletter.findings import Finding, Severity
from newsletter.publishing import Mailing, gate
from newsletter.publishing.gate import Facts, SignOff
from newsletter.publishing.standing import Approval, SentTest, Standing
from newsletter.settings import ApprovalSettings
from newsletter.store.statuses import MailingKind, MailingStatus

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DIGEST = "a" * 64

READY = Facts(subject="Should ferries be free?", postal_address="1 Harbour Row", recipients=500, list_name="daily")
UNDECIDED = Finding(code="SIDE-UNDECIDED", severity=Severity.ERROR, message="a quote has no side")
LONG = Finding(code="SUBJECT-LONG", severity=Severity.WARNING, message="the subject is long")


def _codes(facts):
    with pytest.raises(BlockedError) as caught:
        gate.pass_or_block(facts)
    return [finding.code for finding in caught.value.findings]


def test_a_ready_issue_passes():
    gate.pass_or_block(READY)


def test_warnings_do_not_block():
    gate.pass_or_block(replace(READY, open_findings=[LONG]))


def test_an_error_finding_that_nobody_waived_blocks():
    assert _codes(replace(READY, open_findings=[UNDECIDED, LONG])) == ["SIDE-UNDECIDED"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"subject": "  "}, "GATE-SUBJECT-EMPTY"),
        ({"postal_address": ""}, "GATE-POSTAL-ADDRESS"),
        ({"recipients": 0}, "GATE-AUDIENCE-EMPTY"),
    ],
)
def test_the_gate_itself_judges_what_no_waiver_may_settle(change, code):
    assert _codes(replace(READY, **change)) == [code]


def test_what_checks_say_too_is_told_once():
    twin = Finding(code="SUBJECT-EMPTY", severity=Severity.ERROR, message="no subject")
    assert _codes(replace(READY, subject="", open_findings=[twin])) == ["GATE-SUBJECT-EMPTY"]


def test_all_that_stands_in_the_way_is_told_at_once():
    facts = replace(READY, subject="", recipients=0, open_findings=[UNDECIDED])
    assert _codes(facts) == ["SIDE-UNDECIDED", "GATE-SUBJECT-EMPTY", "GATE-AUDIENCE-EMPTY"]


@given(st.lists(st.sampled_from([UNDECIDED, LONG])))
def test_it_passes_exactly_when_no_error_is_open(open_findings):
    facts = replace(READY, open_findings=open_findings)
    if UNDECIDED in open_findings:
        assert set(_codes(facts)) == {UNDECIDED.code}
    else:
        gate.pass_or_block(facts)


def sign_off(*approvals, tests=1, author=None, tested_before=None, approved_before=None, **rules):
    standing = Standing(
        edition=DIGEST,
        tests=tuple(SentTest(edition=DIGEST, by="Ada", at=NOON) for _ in range(tests)),
        approvals=tuple(Approval(edition=DIGEST, by=by, side=side, at=NOON) for by, side in approvals),
        tested_before=tested_before,
        approved_before=approved_before,
    )
    return SignOff(issue="ferries", standing=standing, rules=ApprovalSettings(**rules), author=author)


ADA, BEA, ROB = ("Ada", "left"), ("Bea", "left"), ("Rob", "right")
OTHER = "f" * 64


@pytest.mark.parametrize(
    ("given_", "codes"),
    [
        (sign_off(ADA), []),
        (sign_off(), ["GATE-NOT-APPROVED"]),
        (sign_off(tests=0), ["GATE-NOT-TESTED", "GATE-NOT-APPROVED"]),
        (sign_off(tests=0, tested=False, needed=0), []),
        (sign_off(ADA, needed=2), ["GATE-NOT-APPROVED"]),
        (sign_off(ADA, BEA, needed=2), []),
        (sign_off(ADA, author="Ada"), []),
        (sign_off(ADA, author="ＡＤＡ", by_author=False), ["GATE-NOT-APPROVED"]),
        (sign_off(ADA, BEA, author="ada", by_author=False), []),
        (sign_off(ADA, by_author=False), ["GATE-AUTHOR-UNKNOWN"]),
        (sign_off(by_author=False, needed=0), []),
        (sign_off(ADA, BEA, sides=("left", "right")), ["GATE-SIDE-NOT-APPROVED"]),
        (sign_off(ADA, ROB, sides=("left", "right")), []),
        (sign_off(ADA, ROB, sides=("left", "right"), author="Rob", by_author=False), ["GATE-SIDE-NOT-APPROVED"]),
        (sign_off(approved_before=OTHER), ["GATE-OTHER-EDITION", "GATE-NOT-APPROVED"]),
        (sign_off(ADA, approved_before=OTHER, tested_before=OTHER), []),
        (sign_off(ADA, tests=0, approved_before=OTHER), ["GATE-NOT-TESTED"]),
        (sign_off(ADA, tests=0, tested_before=OTHER), ["GATE-OTHER-EDITION", "GATE-NOT-TESTED"]),
        (sign_off(tested_before=OTHER, tested=False, tests=0), ["GATE-NOT-APPROVED"]),
    ],
)
def test_the_rules_of_signing(given_, codes):
    assert [finding.code for finding in gate.unsigned(given_)] == codes


def test_each_refusal_says_what_to_do():
    found = gate.unsigned(sign_off(tests=0, approved_before=OTHER, sides=("left",), by_author=False))
    assert len(found) == 5
    for finding in found:
        assert re.search(r"`newsletter issue \w+ ferries|add author", finding.message)


def test_after_the_days_mailing_signatures_play_no_part():
    earlier = Mailing(
        id=1,
        list_id=1,
        list_name="daily",
        list_title="The Daily",
        local_date=NOON.date(),
        kind=MailingKind.ISSUE,
        sequence=1,
        issue="ferries",
        edition_digest=OTHER,
        status=MailingStatus.FINISHED,
        not_later_than=NOON,
        created_at=NOON,
    )
    assert _codes(replace(READY, sign_off=sign_off(tests=0), earlier=earlier)) == ["GATE-ALREADY-SENT"]
