from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.errors import InputError
from newsletter.rehearsal.envelope import Envelope
from newsletter.rehearsal.mailbox import Mailbox

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def mail(subject: str = "Tides", *, to: str = "ada@example.org", body: str = "High at nine.") -> bytes:
    return f"From: Desk <desk@harbour.example>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()


def to(*addresses: str) -> Envelope:
    return Envelope(mail_from="desk@harbour.example", rcpt_tos=addresses or ("ada@example.org",))


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with Mailbox(tmp_path, clock=lambda: NOON) as opened:
        yield opened


def test_pages_are_newest_first_and_stay_inside_their_bounds(mailbox: Mailbox) -> None:
    for number in range(45):
        mailbox.add(mail(f"Issue {number}"), to())
    first, last, past = (mailbox.page(number=number, size=20) for number in (1, 3, 99))
    assert [kept.id for kept in first.messages] == list(range(45, 25, -1))
    assert (first.pages, first.total, first.first) == (3, 45, 1)
    assert [kept.id for kept in last.messages] == [5, 4, 3, 2, 1]
    assert past == last
    assert mailbox.page(number=-5, size=20) == first


def test_an_empty_mailbox_has_one_empty_page(mailbox: Mailbox) -> None:
    page = mailbox.page()
    assert (page.messages, page.number, page.pages, page.total, page.first) == ((), 1, 1, 0, 0)


def test_search_wants_every_word_in_any_case(mailbox: Mailbox) -> None:
    mailbox.add(mail("Night ferry"), to("ada@example.org"))
    mailbox.add(mail("Day ferry", to="bo@example.org"), to("bo@example.org"))
    assert [kept.id for kept in mailbox.page("FERRY").messages] == [2, 1]
    assert [kept.id for kept in mailbox.page("ferry ADA@").messages] == [1]
    assert mailbox.page("high at nine").total == 0


def test_messages_are_found_by_recipient_in_any_case(mailbox: Mailbox) -> None:
    mailbox.add(mail(), to("Ada@Example.org", "bo@example.org"))
    mailbox.add(mail(), to("bo@example.org"))
    assert [kept.id for kept in mailbox.messages_for("ada@example.ORG")] == [1]
    assert [kept.id for kept in mailbox.messages_for("bo@example.org")] == [1, 2]
    assert mailbox.messages_for("nobody@example.org") == []


def test_get_and_neighbours(mailbox: Mailbox) -> None:
    for _ in range(3):
        mailbox.add(mail(), to())
    assert (kept := mailbox.get(2)) is not None
    assert kept.id == 2
    assert [mailbox.get(number) for number in (0, 4, -1)] == [None, None, None]
    assert [mailbox.neighbours(number) for number in (1, 2, 3)] == [(None, 2), (1, 3), (2, None)]


def test_a_restart_knows_all_messages_and_goes_on_counting(tmp_path: Path) -> None:
    with Mailbox(tmp_path, clock=lambda: NOON) as before:
        kept = [before.add(mail(f"Größe {number}"), to(f"r{number}@example.org")) for number in range(5)]
    with Mailbox(tmp_path) as after:
        assert [(one.id, one.subject, one.rcpt_tos, one.arrived) for one in after] == [
            (one.id, one.subject, one.rcpt_tos, NOON) for one in kept
        ]
        assert after.raw(next(iter(after))) == mail("Größe 0")
        assert after.add(mail(), to()).id == 6
        assert len(after.messages_for("r3@example.org")) == 1


@pytest.mark.parametrize("cut", [1, 2, 40, 150])
def test_a_record_that_a_kill_cut_off_is_left_out_and_nothing_else(tmp_path: Path, cut: int) -> None:
    with Mailbox(tmp_path) as before:
        before.add(mail("whole"), to())
        before.add(mail("torn"), to())
    (segment,) = tmp_path.glob("*.mails")
    segment.write_bytes(segment.read_bytes()[:-cut])
    with Mailbox(tmp_path) as after:
        assert [one.subject for one in after] == ["whole"]
        fresh = after.add(mail("next"), to())
        assert after.raw(fresh) == mail("next")
    with Mailbox(tmp_path) as again:
        assert [one.subject for one in again] == ["whole", "next"]


@pytest.mark.parametrize("damage", [b"", b"\x00" * 50, b"{}\n", b'{"id": "x"}\n', b"[1]\n", b"\xff\xfe\n"])
def test_a_damaged_segment_never_stops_the_inbox(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "000000000001.mails").write_bytes(damage)
    (tmp_path / "notes.mails").write_bytes(damage)
    with Mailbox(tmp_path) as mailbox:
        assert mailbox.count() == 0
        assert mailbox.add(mail(), to()).id > 1


def test_two_inboxes_never_share_a_folder(tmp_path: Path, mailbox: Mailbox) -> None:
    assert mailbox.count() == 0
    with pytest.raises(InputError, match="another inbox keeps its mail here"):
        Mailbox(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match="Give it another folder"):
        Mailbox(tmp_path / "file" / "inbox")


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    with Mailbox(tmp_path, keep_messages=100) as mailbox:
        for number in range(1000):
            mailbox.add(mail(), to(f"r{number}@example.org"))
        assert 100 <= mailbox.count() <= 110
        assert [kept.id for kept in mailbox.page(size=3).messages] == [1000, 999, 998]
        assert mailbox.get(1) is None
        assert mailbox.messages_for("r0@example.org") == []
        assert len(list(tmp_path.glob("*.mails"))) <= 19


def test_the_oldest_go_when_they_take_too_much_room(tmp_path: Path) -> None:
    with Mailbox(tmp_path, keep_bytes=1_000_000) as mailbox:
        for _ in range(200):
            mailbox.add(mail(body="x" * 20_000), to())
        assert sum(path.stat().st_size for path in tmp_path.glob("*.mails")) <= 1_000_000
        assert mailbox.count() > 30


def test_a_dropped_message_reads_as_nothing(tmp_path: Path) -> None:
    with Mailbox(tmp_path, keep_messages=16) as mailbox:
        first = mailbox.add(mail(), to())
        for _ in range(40):
            mailbox.add(mail(), to())
        assert mailbox.raw(first) == b""


def test_a_temporary_folder_goes_with_the_mailbox() -> None:
    with Mailbox() as mailbox:
        mailbox.add(mail(), to())
        folder = mailbox.folder
        assert folder.is_dir()
    assert not folder.exists()


def test_the_bytes_are_for_their_owner_only(mailbox: Mailbox) -> None:
    mailbox.add(mail(), to())
    (segment,) = mailbox.folder.glob("*.mails")
    assert segment.stat().st_mode & 0o077 == 0


def test_twenty_thousand_messages_are_listed_found_and_reopened_at_once(tmp_path: Path) -> None:
    with Mailbox(tmp_path) as mailbox:
        began = time.perf_counter()
        for number in range(20_000):
            mailbox.add(mail(), to(f"r{number}@example.org"))
        assert time.perf_counter() - began < 10
        began = time.perf_counter()
        assert mailbox.page(number=500).first == 9981
        assert mailbox.page("r19999").total == 1
        assert mailbox.get(12_345) is not None
        assert time.perf_counter() - began < 1
    began = time.perf_counter()
    with Mailbox(tmp_path) as mailbox:
        assert mailbox.count() == 20_000
    assert time.perf_counter() - began < 5
