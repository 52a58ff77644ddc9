"""The page on findings: severity and reason from the code, and what an editor can do, which stands here."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from newsletter import settings
from newsletter.findings import Finding
from newsletter.issues import load, newsroom_outlets, prepare
from newsletter.publishing import Mailing, gate
from newsletter.roundups.review import CODES, MOST_OF_A_CODE
from newsletter.settings import Settings
from newsletter.store.statuses import MailingKind, MailingStatus

HEAD = f"""\
# Findings

A finding says where something is, what it is, and its code in brackets:

```
roundup.txt:6:1: error: whose side is 'Editorial Board, Morning Tide' on … [SIDE-UNDECIDED]
```

An **error** stops `newsletter send`. A **warning** and an **info** only tell. The commands that compose, show and
render an issue print its findings to stderr and go on, so that an issue can be looked at in any state.
Lines and columns count from 1, columns in characters. Of one code at most {MOST_OF_A_CODE} findings are listed, then their number.
"""
GROUPS = (
    ("In a roundup", "Found when a roundup file is read, by `newsletter roundup parse` and by all commands on issues."),
    ("In an issue", "Found when an issue's folder is read: what its decisions and its roundups say together."),
    ("At the gate", "Found by `newsletter send`, also with `--dry-run`. None of these can be waived."),
)
ROUNDUP = {
    "QUOTE-NO-ATTRIBUTION": "Write `Author, Outlet` on a line of its own under the quote.",
    "ATTRIBUTION-NO-QUOTE": "Put the quote above that line, or take the line out.",
    "TEXT-NO-ROLE": "Make it a quote with its source, a heading or a stance line, or take it out.",
    "SIDE-UNDECIDED": "Decide it with `newsletter issue side SLUG`.",
    "SIDES-FEWER-THAN-TWO": "Add quotes of another side, or decide the sides of those that have none.",
    "QUOTE-OPENER-MISSING": "Put the opening mark back. On the introduction this is an info only.",
    "QUOTE-UNCLOSED": "Look whether the quote's end is there, then close it.",
    "QUOTE-CLOSED-EARLY": "Take the closing mark out where the quote goes on, or name the source of the first part.",
    "QUOTE-ENDS-ELLIPSIS": "Look whether a paragraph is missing; close the quote if it is whole.",
    "MARKS-COLLIDE": "Divide the line between the two marks if a paragraph ended there.",
    "MARKS-MIXED": "Write all quotation marks in one way.",
    "OUTLET-UNKNOWN": "Correct its spelling, or add it to [outlets.toml](outlets.md).",
    "OUTLET-ALONE": "Name the author, or `Editorial Board`, before the outlet.",
    "HEADING-EMPTY": "Put quotes under it, or take it out.",
    "TWICE-LINE": "Take one of the two out.",
    "TWICE-QUOTE": "Take one of the two out, or leave one out in `issue.toml`.",
    "TWICE-AUTHOR": "Choose another voice, or keep it on purpose.",
    "TWICE-OUTLET": "Choose another voice, or keep it on purpose.",
    "QUOTE-LONG": "Shorten it; the limit is `longest_quote_words` in [newsletter.toml](settings.md).",
    "BALANCE-QUOTES": "Add or leave out quotes until the two are within one of each other.",
    "BALANCE-WORDS": "Shorten or lengthen until neither has more than one and a half times the other's words.",
    "TITLE-MISSING": "Write a title above the text, or give one in `issue.toml`.",
    "DATE-MISSING": "Write the date above the text, or give `--date`.",
    "DATE-NO-YEAR": "Add the year, or check `date` in `issue.toml`.",
    "FURNITURE-LEFT": "Nothing, if the line is no content. Otherwise write it as a quote or stance line.",
    "TEXT-MISDECODED": "Copy the text again, or write the repaired characters that the finding shows.",
    "BRACKET-UNMATCHED": "Add the bracket that is missing, or take the other one out.",
    "BRACKET-CAPITAL": "Write the next word small, unless it is a name.",
}
ISSUE = {
    "ISSUE-NO-TITLE": (
        "Readers choose by the title, and the subject is made from it.",
        "Give `title` in `issue.toml`.",
    ),
    "ISSUE-DECISION-ORPHAN": (
        "A decision without its quote or heading does nothing; it is kept in case the quote comes back.",
        "Move the decision to the quote's new id (`newsletter issue show SLUG` lists the ids), or take its line out.",
    ),
    "ISSUE-FILE-UNUSED": (
        "A file in the folder that looks like a roundup is not named under `roundups`, so it is no part of the issue.",
        "Name it under `roundups` in `issue.toml`, or move it away.",
    ),
    "ISSUE-DATE-DIFFERS": (
        "The roundup names another day than the issue has.",
        "Nothing, if the issue is meant for its own day. Otherwise correct `date` in `issue.toml`.",
    ),
    "ISSUE-DATE-GUESSED": (
        "The date stands in the e-mail's head, and each list gets one issue a date. Told once, by `newsletter issue new`.",
        "Check `date` in `issue.toml`.",
    ),
}
GATE = {
    "GATE-SUBJECT-EMPTY": ("A mail without a subject looks like spam.", "Give `title` or `subject` in `issue.toml`."),
    "GATE-POSTAL-ADDRESS": (
        "Commercial mail must name a postal address (CAN-SPAM Act, 15 U.S.C. 7704(a)(5)).",
        "Set `postal_address` under `[newsroom]` in [newsletter.toml](settings.md).",
    ),
    "GATE-AUDIENCE-EMPTY": (
        "Nobody on the list can be mailed: it has no subscribers, or all are excluded.",
        "Import subscribers, or name the list that was meant. `newsletter list show` counts them.",
    ),
    "GATE-ALREADY-SENT": (
        "A list gets one issue a date. It had that day's issue already, or another edition of it is half-way.",
        "Half-way: undo what was changed in the issue or the settings, and send again. Sent: give the issue another date.",
    ),
}


def page() -> str:
    """The page as Markdown."""
    groups = (
        [(code, severity.value, why, ROUNDUP[code]) for code, (severity, why) in CODES.items()],
        [(code, severity, *ISSUE[code]) for code, severity in severities(issue_findings()).items()],
        [(code, severity, *GATE[code]) for code, severity in severities(gate_findings()).items()],
    )
    parts = [HEAD]
    for (title, words), entries in zip(GROUPS, groups, strict=True):
        parts += [f"## {title}", words]
        parts += [f"### {code}\n\n**{severity}** · {why}\n\n{remedy}" for code, severity, why, remedy in entries]
    return "\n\n".join(part.strip() for part in parts)


def severities(findings: list[Finding]) -> dict[str, str]:
    """Each code with its severity, by code."""
    return {finding.code: finding.severity.value for finding in sorted(findings, key=lambda finding: finding.code)}


def issue_findings() -> list[Finding]:
    """What the program says of an issue in which everything is amiss that only an issue can have."""
    with tempfile.TemporaryDirectory() as name:
        newsroom = _newsroom(Path(name))
        return [finding for finding in _amiss(newsroom) if finding.code.startswith("ISSUE-")]


def _newsroom(root: Path) -> Settings:
    (root / "newsletter.toml").write_text('[newsroom]\nname = "A newsroom"\n', encoding="utf-8")
    (root / "notes.txt").write_text("“A word.”\nA Name, An Outlet\n", encoding="utf-8")
    (root / "dated.txt").write_text("June 2, 2025\n\n“A word.”\nA Name, An Outlet\n", encoding="utf-8")
    return settings.load(root)


def _amiss(newsroom: Settings) -> Iterator[Finding]:
    composed = prepare(newsroom, [newsroom.root / "notes.txt"], date=None, title=None, today=date(2025, 6, 1))
    yield from composed.findings
    folder = composed.write()
    (folder / "unused.txt").write_bytes(b"x\n")
    (folder / "dated.txt").write_bytes((newsroom.root / "dated.txt").read_bytes())
    decisions = 'date = 2025-06-01\nroundups = ["dated.txt"]\nleave_out = ["0000"]\n'
    (folder / "issue.toml").write_text(decisions, encoding="utf-8")
    yield from load(newsroom, folder.name, outlets=newsroom_outlets(newsroom)).findings


def gate_findings() -> list[Finding]:
    """What the gate says of a send in which everything is amiss."""
    now = datetime(2025, 6, 1, tzinfo=UTC)
    earlier = Mailing(
        id=1,
        list_id=1,
        list_name="daily",
        list_title="Daily",
        local_date=now.date(),
        kind=MailingKind.ISSUE,
        sequence=1,
        issue="2025-06-01-issue",
        edition_digest="0" * 64,
        status=MailingStatus.FINISHED,
        not_later_than=now,
        created_at=now,
    )
    return gate.findings(gate.Facts(subject="", postal_address="", recipients=0, list_name="daily", earlier=earlier))
