"""Subject, preheader and date: what readers see before they open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from newsletter.checks.rule import Group, Rule
from newsletter.checks.shown_texts import head_spot
from newsletter.checks.spots import Spot
from newsletter.checks.subject import Matter
from newsletter.findings import Finding, Severity
from newsletter.issues.dates import date_in_name, in_words
from newsletter.issues.loading import LONGEST_PREHEADER

SHORTEST_SUBJECT, LONGEST_SUBJECT = 10, 78
"""Characters. 78 is the longest line that RFC 5322 recommends; inbox rows show 40 to 70."""

_HEADER_LINES = "RFC 5322, section 2.1.1"
_CLIENT_ROWS = "https://www.litmus.com/blog/the-ultimate-guide-to-preview-text-support"
_SPAM_TESTS = "https://spamassassin.apache.org/old/tests_3_3_x.html"

SUBJECT_EMPTY = Rule(
    code="SUBJECT-EMPTY",
    severity=Severity.ERROR,
    group=Group.CONTENT,
    title="no subject",
    why="A mail without a subject looks like spam, and readers choose by it.",
    source="RFC 5322, section 3.6.5",
    fix="Give `subject` or `title` in issue.toml",
    example='subject = "Should the night ferry come back?"',
)
SUBJECT_LENGTH = Rule(
    code="SUBJECT-LENGTH",
    severity=Severity.WARNING,
    group=Group.CONTENT,
    title="subject too short or too long",
    why=f"Under {SHORTEST_SUBJECT} characters a subject says too little; past {LONGEST_SUBJECT} no inbox row shows it whole.",
    source=_HEADER_LINES,
    fix=f"Give `subject` in issue.toml between {SHORTEST_SUBJECT} and {LONGEST_SUBJECT} characters",
    example="“News” says too little; write “Who should own the lighthouse?”",
)
SUBJECT_SHOUTS = Rule(
    code="SUBJECT-SHOUTS",
    severity=Severity.WARNING,
    group=Group.CONTENT,
    title="subject in capitals",
    why="Spam filters count a subject in capitals against it, and so do readers.",
    source=_SPAM_TESTS,
    fix="Write it as a sentence",
    example="“SHOULD THE FERRY COME BACK?” becomes “Should the ferry come back?”",
)
SUBJECT_EXCLAIMS = Rule(
    code="SUBJECT-EXCLAIMS",
    severity=Severity.WARNING,
    group=Group.CONTENT,
    title="exclamation mark in the subject",
    why="An exclamation mark in a subject sells; spam filters count it.",
    source=_SPAM_TESTS,
    fix="Take the exclamation mark out",
    example="“The ferry is back!” becomes “The ferry is back”",
)
PREHEADER_MISSING = Rule(
    code="PREHEADER-MISSING",
    severity=Severity.WARNING,
    group=Group.CONTENT,
    title="no preheader",
    why="Without one, inboxes show the first words they find: a date, or “View online”.",
    source=_CLIENT_ROWS,
    fix="Give `preheader` in issue.toml",
    example='preheader = "A lamp, two cottages and nine acres are for sale."',
)
PREHEADER_REPEATS = Rule(
    code="PREHEADER-REPEATS",
    severity=Severity.WARNING,
    group=Group.CONTENT,
    title="preheader repeats the subject",
    why="It stands right behind the subject; the same words twice are a lost line.",
    source=_CLIENT_ROWS,
    fix="Say in `preheader` what the subject does not",
    example="Under “Should the ferry come back?” write “Seven votes to six, and a study by summer”",
)
PREHEADER_LENGTH = Rule(
    code="PREHEADER-LENGTH",
    severity=Severity.INFO,
    group=Group.CONTENT,
    title="preheader longer than inboxes show",
    why=f"The widest inbox rows show about {LONGEST_PREHEADER} characters behind a subject.",
    source=_CLIENT_ROWS,
    fix=f"Shorten `preheader` to {LONGEST_PREHEADER} characters, or put what matters first",
    example="The first 110 characters are what most readers see: begin with the news, not with the greeting",
)
DATE_FOLDER = Rule(
    code="DATE-FOLDER",
    severity=Severity.WARNING,
    group=Group.CONTENT,
    title="date and folder name disagree",
    why="Folders are found by their day; an issue that moved keeps the old one in its name.",
    fix="Correct `date` in issue.toml, or rename the folder",
    example="In issues/2026-11-24-the-ferry/issue.toml write date = 2026-11-24",
)
DATE_PAST = Rule(
    code="DATE-PAST",
    severity=Severity.WARNING,
    group=Group.CONTENT,
    title="date in the past",
    why="The date stands at the head of the e-mail; an old one is usually a copied issue.",
    fix="Correct `date` in issue.toml; where the issue went out already, nothing is to be done",
    example="An issue copied from yesterday keeps yesterday’s date until `date` is changed",
)
DATE_FAR = Rule(
    code="DATE-FAR",
    severity=Severity.WARNING,
    group=Group.CONTENT,
    title="date far in the future",
    why="A daily is written days ahead, not months; a wrong year is a common slip.",
    fix="Correct `date` in issue.toml; the limit is `far_days` under [checks] in newsletter.toml",
    example="“date = 2027-11-24” in November 2026 is usually 2026",
)
RULES = (
    SUBJECT_EMPTY, SUBJECT_LENGTH, SUBJECT_SHOUTS, SUBJECT_EXCLAIMS, PREHEADER_MISSING, PREHEADER_REPEATS, PREHEADER_LENGTH,
    DATE_FOLDER, DATE_PAST, DATE_FAR,
)  # fmt: skip


def subject(matter: Matter) -> Iterator[Finding]:
    """Its length and its tone."""
    text = matter.edition.subject
    spot = head_spot(matter.files, matter.issue.subject, "subject", "title")
    if not text:
        yield SUBJECT_EMPTY.finding("there is no subject", spot)
        return
    if not SHORTEST_SUBJECT <= len(text) <= LONGEST_SUBJECT:
        fault = "short" if len(text) < SHORTEST_SUBJECT else "long"
        yield SUBJECT_LENGTH.finding(f"the subject is too {fault}: {len(text)} characters", spot)
    letters = [character for character in text if character.isalpha() and character.lower() != character.upper()]
    if len(letters) > 5 and len(text.split()) > 1 and all(character.isupper() for character in letters):
        yield SUBJECT_SHOUTS.finding("the subject is all in capitals", spot)
    if "!" in text or "！" in text:
        yield SUBJECT_EXCLAIMS.finding("an exclamation mark in the subject", spot)


def preheader(matter: Matter) -> Iterator[Finding]:
    """Whether it is there and says something of its own."""
    text, files = matter.edition.preheader, matter.files
    spot = head_spot(files, matter.issue.preheader, "preheader")
    if not text:
        yield PREHEADER_MISSING.finding("there is no preheader", spot)
    elif _folded(text) == _folded(matter.edition.subject):
        yield PREHEADER_REPEATS.finding("the preheader repeats the subject", spot)
    elif len(text) > LONGEST_PREHEADER:
        yield PREHEADER_LENGTH.finding(f"the preheader has {len(text)} characters", spot)


def date(matter: Matter) -> Iterator[Finding]:
    """Against the folder's name and against today."""
    day, today = matter.issue.date, matter.subject.today
    named = date_in_name(matter.issue.slug[:10])
    spot = _date_spot(matter)
    if named is not None and named != day:
        yield DATE_FOLDER.finding(f"the issue is dated {in_words(day)}, its folder {in_words(named)}", spot)
    if today is not None and day < today:
        ago = (today - day).days
        yield DATE_PAST.finding(f"{in_words(day)} is {_days(ago)} ago", spot)
    if today is not None and day > today + timedelta(days=matter.settings.checks.far_days):
        yield DATE_FAR.finding(f"{in_words(day)} is {_days((day - today).days)} ahead", spot)


def _date_spot(matter: Matter) -> Spot:
    return matter.files.key("date", value=matter.issue.date.isoformat())


def _days(count: int) -> str:
    return f"{count:,} day{'s' if count != 1 else ''}"


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())
