import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import InputError
from newsletter.issues.decisions import Decisions, read_decisions
from newsletter.issues.model import Block, BlockKind


def read(text: str | bytes) -> Decisions:
    data = text.encode() if isinstance(text, str) else text
    return read_decisions(data, where="issue.toml", sides=("left", "right", "both"))


def test_every_key_is_read() -> None:
    table = read(
        """
        title = "T"
        date = 2026-11-24
        subject = "S"
        preheader = "P"
        template = "daily"
        lists = ["daily"]
        roundups = ["a.txt"]
        order = ["aa"]
        leave_out = ["bb"]
        sides = { aa = "left" }
        links = { aa = "https://lantern.example/x" }
        headings = { "Other opinions below." = "More" }
        [[blocks]]
        kind = "poll"
        text = "Which?"
        link = "https://poll.example/"
        link_text = "Vote"
        """
    ).table
    assert (table.title, table.date, table.roundups) == ("T", date(2026, 11, 24), ["a.txt"])
    assert table.blocks[0].as_block() == Block(
        kind=BlockKind.POLL, heading="What do you think?", text="Which?", link="https://poll.example/", link_text="Vote"
    )


@pytest.mark.parametrize(
    ("text", "where", "remedy"),
    [
        ('\nsubjekt = "x"', "issue.toml:2", "'subject'"),
        ("title = 5", "issue.toml:1", "Correct"),
        ('date = "2026-11-24"', "issue.toml:1", "Correct"),
        ("date = 2026-11-24T10:00:00", "issue.toml:1", "Correct"),
        ('subject = "a\\nBcc: x@y.example"', "issue.toml:1", "Correct"),
        ('sides = "left"', "issue.toml:1", "Correct"),
        ('[sides]\naa = "left"\nbb = "lfet"', "issue.toml:3", "'left'"),
        ('[sides]\nsubject = "Late"', "issue.toml:2", "Move that line up"),
        ('order = [\n"aa",\n7]', "issue.toml:1", "Correct"),
        ('[links]\naa = "javascript:alert(1)"', "issue.toml:2", "Correct"),
        ('[links]\naa = "https://x.example/\\" onclick"', "issue.toml:2", "Correct"),
        ('[[blocks]]\nkind = "not"\ntext = "x"', "issue.toml:2", "'note'"),
        ('[[blocks]]\nkind = "note"', "issue.toml:1", "Add it"),
        ('[[blocks]]\nkind = "note"\ntext = ""', "issue.toml:3", "Fill it"),
        ('[[blocks]]\nkind = "note"\ntext = "x"\ntitel = "y"', "issue.toml:4", "Known are"),
        ('template = "../x"', "issue.toml:1", "Correct"),
        ('roundups = [\n"a.txt",\n"../b.txt"]', "issue.toml:3", "Correct"),
        ('[headings]\n"From the Left" = ""', "issue.toml:2", "Fill it"),
        ("a = 1\nb = [", "issue.toml:2:6", "Mend"),
        ('title = "x', "issue.toml:1:11", "Mend"),
        ("title = 1\ntitle = 2", "issue.toml:2:10", "Mend"),
    ],
)
def test_bad_values_name_line_and_remedy(text: str, where: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert caught.value.where == where
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("data", [b"title = '\xe9'", b"a = " + b"[" * 5000, b"# " + b"x" * 1_100_000, b"\x00\x01"])
def test_unusable_files_give_one_clear_error(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read(data)
    assert caught.value.where.startswith("issue.toml")


def test_a_byte_order_mark_and_crlf_do_not_matter() -> None:
    assert read(b'\xef\xbb\xbftitle = "T"\r\n[sides]\r\naa = "left"\r\n').table.sides == {"aa": "left"}


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        read(text.encode("utf-8", "surrogatepass"))
