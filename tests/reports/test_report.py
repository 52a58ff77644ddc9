from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.publishing import Mailing
from newsletter.reports import Report, as_text
from newsletter.reports.report import by_domain, clustered, masked
from newsletter.reports.wording import equation, headline
from newsletter.store.statuses import DeliveryStatus, Exclusion, MailingKind, MailingStatus

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def mailing(status=MailingStatus.FINISHED):
    return Mailing(
        id=12,
        list_id=1,
        list_name="daily",
        list_title="The Daily",
        local_date=date(2026, 11, 23),
        kind=MailingKind.ISSUE,
        sequence=1,
        issue="2026-11-23-ferries",
        edition_digest="d" * 64,
        status=status,
        not_later_than=NOON + timedelta(hours=6),
        created_at=NOON,
        started_at=NOON,
        finished_at=NOON + timedelta(seconds=20) if status is MailingStatus.FINISHED else None,
    )


def report(*, selected=12_960, excluded=None, status=MailingStatus.FINISHED, twice=0, **counts):
    counts = {DeliveryStatus(name): count for name, count in counts.items()}
    excluded = {Exclusion.SUPPRESSED: 529} if excluded is None else excluded
    return Report(
        mailing=mailing(status),
        at=NOON + timedelta(seconds=10),
        selected=selected,
        prepared=selected - sum(excluded.values()),
        excluded=excluded,
        counts=dict.fromkeys(DeliveryStatus, 0) | counts,
        twice=twice,
        domains=by_domain([("readers.example", "accepted", 3)], most=10),
        replies=clustered([("rejected", 550, "5.1.1 <a@b.example>: no such user", 2)]),
        unknown=("r…@readers.example",),
    )


def test_a_finished_report_adds_up():
    finished = report(accepted=12_400, rejected=30, unknown=1)
    assert finished.balanced
    assert finished.finished
    assert headline(finished) == "Finished: 12,400 of 12,431 accepted."
    assert equation(finished) == (
        "12,960 selected = 12,431 prepared + 529 excluded\n12,431 prepared = 12,400 accepted + 30 rejected + 1 unknown"
    )


def test_a_running_report_adds_up_and_is_not_finished():
    running = report(status=MailingStatus.SENDING, accepted=8_204, pending=4_000, sending=27, deferred=200)
    assert running.balanced
    assert not running.finished
    assert headline(running) == "Sending: 8,204 of 12,431 accepted, 4,227 to go."
    assert running.duration == timedelta(seconds=10)
    assert running.rate == pytest.approx(820.4)


def test_a_report_that_does_not_add_up_says_so():
    broken = report(accepted=12_430)
    assert not broken.balanced
    assert not broken.finished
    assert "DOES NOT HOLD" in as_text(broken)


@given(st.lists(st.integers(0, 50), min_size=8, max_size=8), st.integers(-1, 1))
def test_it_balances_exactly_when_the_states_sum_to_what_was_prepared(numbers, off):
    counts = {status.value: number for status, number in zip(DeliveryStatus, numbers, strict=True)}
    assert report(selected=sum(numbers) + off, excluded={}, **counts).balanced is (off == 0)


def test_as_dict_has_every_term_of_the_equation():
    data = report(accepted=12_400, rejected=30, unknown=1).as_dict()
    ends = ("accepted", "rejected", "withdrawn", "expired", "unknown", "pending", "sending", "deferred")
    assert data["prepared"] == sum(data[name] for name in ends) == data["selected"] - sum(data["excluded"].values())
    assert (data["finished"], data["seconds"], data["rate"], data["twice"]) == (True, 20.0, 620.0, 0)


def test_the_text_shows_what_happened_and_no_whole_address():
    text = as_text(report(accepted=12_400, rejected=30, unknown=1, twice=2))
    assert "Mailing 12: 2026-11-23-ferries to list daily" in text
    assert "529  suppressed" in text
    assert "2  rejected: 550 5.1.1 <address>: no such user" in text
    assert "r…@readers.example" in text
    assert "2 were accepted twice." in text
    assert "a@b.example" not in text


def test_replies_that_differ_in_the_recipient_only_are_counted_together():
    said = [("rejected", 550, f"5.1.1 <r{n}@readers.example>: no such user, id 4ZxK9{n}abcdefQ", 2) for n in range(50)]
    said.append(("deferred", 451, "4.7.1 Greylisted", 300))
    first, second = clustered(said)
    assert (first.text, first.attempts) == ("4.7.1 Greylisted", 300)
    assert (second.text, second.attempts) == ("5.1.1 <address>: no such user, id …", 100)


@given(
    st.from_regex(r"[a-z0-9.+-]{1,20}@[a-z]{1,10}\.[a-z]{2,5}", fullmatch=True),
    st.sampled_from(["<{}>", "{}", "({})", "{}:"]),
)
def test_no_address_survives_the_masking(address, form):
    assert address not in masked(f"550 {form.format(address)} unknown")


@given(st.text(max_size=300))
def test_any_reply_at_all_can_be_masked(text):
    masked(text)


def test_domains_are_the_largest_first():
    rows = [
        ("b.example", "accepted", 1),
        ("a.example", "accepted", 2),
        ("a.example", "rejected", 1),
        ("c.example", "unknown", 9),
    ]
    found = by_domain(rows, most=2)
    assert [(domain.name, domain.total) for domain in found] == [("c.example", 9), ("a.example", 3)]
