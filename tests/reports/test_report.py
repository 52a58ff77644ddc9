from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.publishing import Mailing
from newsletter.reports import Report, as_text, summary
from newsletter.reports.advice import advice
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


# --- What to do --------------------------------------------------------------------------------------------------

RUNNING = {"accepted": 8_204, "pending": 4_000, "sending": 27, "deferred": 200}


@pytest.mark.parametrize(
    ("stands", "changes", "said"),
    [
        ({"status": MailingStatus.SENDING, **RUNNING}, {}, "start a worker, if none runs: newsletter worker"),
        ({"status": MailingStatus.SENDING, **RUNNING}, {"workers": 1}, ""),
        (
            {"status": MailingStatus.SENDING, **RUNNING},
            {"workers": 1, "trouble": "smtp.example:587: Connection refused"},
            "see to what is in the way; nobody is given up before 18:00 UTC",
        ),
        (
            {"status": MailingStatus.PAUSED, **RUNNING},
            {},
            "newsletter mailing resume 12. Or end it: newsletter mailing",
        ),
        (
            {"status": MailingStatus.PAUSED, **RUNNING},
            {"trouble": "535 wrong password"},
            "mend what is in the way, then newsletter mailing resume 12",
        ),
        (
            {"status": MailingStatus.PAUSED, **RUNNING},
            {"at": NOON + timedelta(hours=7)},
            "its time is over; newsletter mailing resume 12 --hours 6",
        ),
        ({"accepted": 12_400, "unknown": 31}, {}, "decide on the unknown: newsletter mailing resolve 12"),
        ({"accepted": 12_400, "unknown": 31}, {"in_quiet": 31}, "wait five minutes"),
        ({"accepted": 12_400, "expired": 31}, {}, "try those again that expired: newsletter mailing retry 12"),
        ({"status": MailingStatus.CANCELLED, "accepted": 12_400, "sending": 31}, {}, "wait: what is in the air"),
        ({"status": MailingStatus.CANCELLED, "accepted": 12_400, "withdrawn": 31}, {}, ""),
        ({"accepted": 12_431}, {}, ""),
        ({"accepted": 12_430}, {}, "keep the database as it is"),
    ],
)
def test_it_says_what_to_do(stands, changes, said):
    told = replace(report(**stands), **changes)
    assert advice(told).startswith(said) if said else advice(told) == ""
    assert (f"To do: {said}" in as_text(told)) is bool(said)


def test_what_is_in_the_way_says_since_when():
    told = report(status=MailingStatus.SENDING, **RUNNING)
    told = replace(told, trouble="Connection refused", trouble_since=NOON, at=NOON + timedelta(minutes=4))
    assert "In the way since 12:00:00 UTC (4 min): Connection refused" in as_text(told)
    assert told.as_dict()["trouble_since"] == NOON.isoformat()


def test_where_nobody_is_at_it_there_is_no_pace():
    told = replace(report(status=MailingStatus.SENDING, **RUNNING), recently=4_027)
    assert "\nNo worker is at it; nothing is tried after" in as_text(told)
    assert told.as_dict()["seconds_left"] is None


def test_a_running_one_says_its_pace_and_when_it_will_be_done():
    told = replace(report(status=MailingStatus.SENDING, **RUNNING), workers=2, recently=4_027)
    assert "2 workers at it, 402.7/s; done in about 10 s, at 12:00:20 UTC; nothing is tried after" in as_text(told)
    assert told.as_dict()["pace"] == 402.7


def test_tries_are_told():
    told = replace(report(accepted=12_431), tries=12_500, tried_again=60)
    assert "20.0 s, 622 messages/s on average; 12,500 tries, 60 were tried more than once" in as_text(told)


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_longer_than_the_terminal_and_numbers_stay_in_their_column(width):
    told = report(status=MailingStatus.SENDING, **RUNNING)
    long = clustered([("deferred", 451, "later, " * 40, 7)])
    text = as_text(replace(told, trouble="Connection refused " * 12, replies=long), width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "\n           later, later" in text


def test_the_summary_is_the_head_of_the_text():
    told = report(accepted=12_400, unknown=31)
    assert as_text(told).startswith(summary(told))
    assert "Both lines add up, and nothing is open." in summary(told)
    assert "Domains" not in summary(told)
