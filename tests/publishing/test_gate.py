from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import BlockedError
from newsletter.findings import Finding, Severity
from newsletter.publishing import gate
from newsletter.publishing.gate import Facts

READY = Facts(subject="Should ferries be free?", postal_address="1 Harbour Row", recipients=500, list_name="daily")
UNDECIDED = Finding(code="SIDE-UNDECIDED", severity=Severity.ERROR, message="a quote has no side")
LONG = Finding(code="SUBJECT-LONG", severity=Severity.WARNING, message="the subject is long")


def _codes(facts, **kwargs):
    with pytest.raises(BlockedError) as caught:
        gate.pass_or_block(facts, **kwargs)
    return [finding.code for finding in caught.value.findings]


def test_a_ready_issue_passes():
    gate.pass_or_block(READY)


def test_warnings_do_not_block():
    gate.pass_or_block(replace(READY, issue_findings=[LONG]))


def test_an_error_finding_blocks_until_it_is_waived():
    facts = replace(READY, issue_findings=[UNDECIDED, LONG])
    assert _codes(facts) == ["SIDE-UNDECIDED"]
    gate.pass_or_block(facts, waived={"SIDE-UNDECIDED"})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"subject": "  "}, "GATE-SUBJECT-EMPTY"),
        ({"postal_address": ""}, "GATE-POSTAL-ADDRESS"),
        ({"recipients": 0}, "GATE-AUDIENCE-EMPTY"),
    ],
)
def test_what_the_gate_itself_finds_cannot_be_waived(change, code):
    assert _codes(replace(READY, **change), waived={code}) == [code]


def test_all_that_stands_in_the_way_is_told_at_once():
    facts = replace(READY, subject="", recipients=0, issue_findings=[UNDECIDED])
    assert _codes(facts) == ["SIDE-UNDECIDED", "GATE-SUBJECT-EMPTY", "GATE-AUDIENCE-EMPTY"]


@given(st.lists(st.sampled_from([UNDECIDED, LONG])), st.sets(st.sampled_from(["SIDE-UNDECIDED", "SUBJECT-LONG", "X"])))
def test_it_passes_exactly_when_every_error_is_waived(issue_findings, waived):
    facts = replace(READY, issue_findings=issue_findings)
    if UNDECIDED in issue_findings and UNDECIDED.code not in waived:
        assert set(_codes(facts, waived=waived)) == {UNDECIDED.code}
    else:
        gate.pass_or_block(facts, waived=waived)
