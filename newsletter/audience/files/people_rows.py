"""A row of a file as a person and what the file says of them, or the reason why it is none. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from newsletter.audience.addresses import parse
from newsletter.audience.enrolling import Consent, Enrolment
from newsletter.audience.files.cells import MOST_ATTRIBUTES, read_attributes, read_instant, read_tags
from newsletter.audience.files.formulas import restored
from newsletter.audience.files.headings import Meaning, Standing, letters, says_yes, standing_of
from newsletter.audience.files.rows import Form, Layout
from newsletter.audience.labels import clean_value
from newsletter.audience.names import clean_name, one_line
from newsletter.audience.people import Person, check_hour, check_language, check_zone
from newsletter.errors import InputError
from newsletter.store.statuses import SubscriptionStatus, SuppressionReason

LONGEST_CONSENT, LONGEST_SOURCE, LONGEST_REASON = 10_000, 300, 2_000
"""Characters."""
_zone, _hour, _language = (lru_cache(4096)(check) for check in (check_zone, check_hour, check_language))
_CLOCKS_APART = timedelta(days=1)
_FAR = timedelta(days=3660)
_NUL = {0: None}
_STATUSES = {
    Standing.JOINED: SubscriptionStatus.SUBSCRIBED,
    Standing.LEFT: SubscriptionStatus.UNSUBSCRIBED,
    Standing.WAITING: SubscriptionStatus.UNCONFIRMED,
}
_BARS = {
    Standing.BOUNCED: SuppressionReason.BOUNCE,
    Standing.COMPLAINED: SuppressionReason.COMPLAINT,
    Standing.BLOCKED: SuppressionReason.MANUAL,
}
_REASONS = {reason.value: reason for reason in SuppressionReason if reason is not SuppressionReason.ERASED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a row claims. `enrolment` is None for people who are only to be suppressed, for `bars`.

    `dated`: the file says since when they stand so.
    """

    person: Person
    enrolment: Enrolment | None
    bars: tuple[SuppressionReason, ...] = ()
    dated: bool = False

    @property
    def status(self) -> SubscriptionStatus | None:
        """Where the file has them stand; None for those who are only to be suppressed."""
        return self.enrolment.status if self.enrolment else None


class ClaimReader:
    """Reads the rows of one file.

    Args:
        layout: the file's.
        evidence: holds for rows without a consent of their own. Where its text is "", such rows are rejected.
        confirmed: the evidence holds for people whom the file calls unconfirmed, too.
    """

    def __init__(self, layout: Layout, evidence: Consent, *, confirmed: bool = False) -> None:
        self._columns = layout.columns
        self._width = layout.width
        self._evidence = evidence
        self._confirmed = confirmed
        self._guarded = layout.form is Form.CSV
        self._least = 1 + max((*layout.columns.places.values(), *layout.columns.attributes.values()))
        meanings = layout.columns.places.keys()
        self._named_in_parts = bool(meanings & {Meaning.FIRST_NAME, Meaning.LAST_NAME})
        self._named = self._named_in_parts or Meaning.NAME in meanings
        self._attributed = bool(layout.columns.attributes) or Meaning.ATTRIBUTES in meanings
        self._plain = not meanings & _ABOUT_STANDING
        self._one_consent = not meanings & _ABOUT_CONSENT

    def read(self, fields: Sequence[str]) -> Claim:
        """What the row claims.

        Raises:
            InputError: it is no person; `what` is the reason for the reject file.
        """
        if self._width is not None and len(fields) > self._width and any(fields[self._width :]):
            raise InputError(f"has {len(fields)} fields under {self._width} headings; is a quotation mark missing?")
        if len(fields) < self._least:
            fields = [*fields, *[""] * (self._least - len(fields))]
        person = self._person(fields)
        if self._plain:
            return Claim(person=person, enrolment=Enrolment(person=person, consent=self._consent(fields, needed=True)))
        return self._standing(fields, person)

    def _person(self, fields: Sequence[str]) -> Person:
        # Measured: asking for cells that no column holds took a third of the time of an import's reading.
        cell, places = self._cell, self._columns.places
        return Person(
            address=parse(cell(fields, Meaning.ADDRESS)),
            name=self._name(fields) if self._named else "",
            zone=_zone(cell(fields, Meaning.ZONE)) if Meaning.ZONE in places else None,
            hour=_hour(cell(fields, Meaning.HOUR)) if Meaning.HOUR in places else None,
            language=_language(cell(fields, Meaning.LANGUAGE)) if Meaning.LANGUAGE in places else None,
            tags=read_tags(cell(fields, Meaning.TAGS)) if Meaning.TAGS in places else (),
            attributes=self._attributes(fields) if self._attributed else {},
        )

    def _name(self, fields: Sequence[str]) -> str:
        name = clean_name(self._cell(fields, Meaning.NAME))
        if name or not self._named_in_parts:
            return name
        parts = (self._cell(fields, Meaning.FIRST_NAME), self._cell(fields, Meaning.LAST_NAME))
        return clean_name(" ".join(part for part in parts if part))

    def _attributes(self, fields: Sequence[str]) -> Mapping[str, str]:
        columns = self._columns
        attributes = read_attributes(self._cell(fields, Meaning.ATTRIBUTES))
        for name, place in columns.attributes.items():
            if value := clean_value(self._at(fields, place)):
                attributes[name] = value
        if len(attributes) > MOST_ATTRIBUTES:
            raise InputError(f"has more than {MOST_ATTRIBUTES} attributes")
        return attributes

    def _standing(self, fields: Sequence[str], person: Person) -> Claim:
        cell, now = self._cell, self._evidence.at
        standing = standing_of(cell(fields, Meaning.STATUS))
        bars = _bars(cell(fields, Meaning.SUPPRESSED))
        changed = read_instant(cell(fields, Meaning.CHANGED_AT), until=now + _CLOCKS_APART)
        if says_yes(left := cell(fields, Meaning.LEFT)):
            standing, changed = Standing.LEFT, changed or _date_if_any(left, now)
        if says_yes(cell(fields, Meaning.BOUNCED)):
            standing = Standing.BOUNCED
        if standing in _BARS:
            return Claim(person=person, enrolment=None, bars=tuple(dict.fromkeys((*bars, _BARS[standing]))))
        status = _STATUSES[standing]
        if self._confirmed and status is SubscriptionStatus.UNCONFIRMED:
            status = SubscriptionStatus.SUBSCRIBED
        enrolment = Enrolment(
            person=person,
            consent=self._consent(fields, needed=status is SubscriptionStatus.SUBSCRIBED and not bars),
            status=status,
            changed_at=changed,
            paused_until=read_instant(cell(fields, Meaning.PAUSED_UNTIL), until=now + _FAR),
            left_reason=_text(cell(fields, Meaning.LEFT_REASON), LONGEST_REASON, "reason for leaving"),
        )
        return Claim(person=person, enrolment=enrolment, bars=bars, dated=changed is not None)

    def _consent(self, fields: Sequence[str], *, needed: bool) -> Consent:
        evidence = self._evidence
        if self._one_consent and (evidence.text or not needed):
            return evidence
        text = _text(self._cell(fields, Meaning.CONSENT), LONGEST_CONSENT, "consent")
        source = one_line(self._cell(fields, Meaning.CONSENT_SOURCE))[:LONGEST_SOURCE] if text or not needed else ""
        at = read_instant(self._cell(fields, Meaning.CONSENT_AT), until=evidence.at + _CLOCKS_APART)
        if needed and not (text or evidence.text):
            raise InputError("no consent is stated for this person")
        return Consent(text=text or evidence.text, source=source or evidence.source, at=at or evidence.at)

    def _cell(self, fields: Sequence[str], meaning: Meaning) -> str:
        place = self._columns.places.get(meaning)
        return "" if place is None else self._at(fields, place)

    def _at(self, fields: Sequence[str], place: int) -> str:
        text = fields[place].strip()
        return restored(text) if self._guarded and text.startswith("'") else text


_ABOUT_STANDING = {
    *(Meaning.STATUS, Meaning.LEFT, Meaning.LEFT_REASON, Meaning.BOUNCED, Meaning.SUPPRESSED),
    *(Meaning.PAUSED_UNTIL, Meaning.CHANGED_AT),
}
_ABOUT_CONSENT = {Meaning.CONSENT, Meaning.CONSENT_SOURCE, Meaning.CONSENT_AT}


def _bars(cell: str) -> tuple[SuppressionReason, ...]:
    """Our export's list of reasons, or another tool's yes."""
    if not says_yes(cell):
        return ()
    words = read_tags(cell)
    if all(word in _REASONS for word in words):
        return tuple(_REASONS[word] for word in words)
    standing = standing_of(cell)
    if standing in _BARS:
        return (_BARS[standing],)
    if letters(cell) in {"yes", "true", "1"}:
        return (SuppressionReason.MANUAL,)
    raise InputError(f"{cell[:40]!r} is no reason to suppress anybody")


def _date_if_any(cell: str, now: datetime) -> datetime | None:
    """When they left, where the cell tells and not only says yes; another form of date is a yes, too."""
    try:
        return read_instant(cell, until=now + _CLOCKS_APART)
    except InputError:
        return None


def _text(cell: str, longest: int, what: str) -> str:
    text = cell.translate(_NUL) if "\0" in cell else cell
    if len(text) > longest:
        raise InputError(f"the {what} is longer than {longest:,} characters")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise InputError(f"the {what} holds bytes that are no text in the file's encoding")
    return text
