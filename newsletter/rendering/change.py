"""One change from an edition to another, with the sentence that tells it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from newsletter.rendering.word_difference import Piece, changes_in_words, compare_words, quoted


class What(StrEnum):
    """What a change is about."""

    SUBJECT = "subject"
    PREHEADER = "preheader"
    TITLE = "title"
    DATE = "date"
    AUTHOR = "author"
    SENDER = "sender"
    SECTION = "section"
    QUOTE = "quote"
    ATTRIBUTION = "attribution"
    SIDE = "side"
    LINK = "link"
    BLOCK = "block"
    TEXT = "text"
    TEMPLATE = "template"
    SETTING = "setting"
    VERSION = "version"
    FILE = "file"


class Kind(StrEnum):
    """What kind of change it is."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """`pieces` has the whole text, word by word, where words changed; `quote` is the id of the quote it is about."""

    what: What
    kind: Kind
    sentence: str
    before: str | None = None
    after: str | None = None
    quote: str | None = None
    pieces: tuple[Piece, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """The change as plain data; keys without a value are left out."""
        data: dict[str, Any] = {
            "what": self.what.value,
            "kind": self.kind.value,
            "sentence": self.sentence,
            "before": self.before,
            "after": self.after,
            "quote": self.quote,
            "words": [{"fate": piece.fate.value, "text": piece.text} for piece in self.pieces] or None,
        }
        return {key: value for key, value in data.items() if value is not None}


def added(what: What, name: str, text: str, *, quote: str | None = None) -> Change:
    """Something that was not there before."""
    shown = f": {quoted(text)}" if text else ""
    return Change(what=what, kind=Kind.ADDED, sentence=f"{name} was added{shown}.", after=text, quote=quote)


def removed(what: What, name: str, text: str, *, quote: str | None = None) -> Change:
    """Something that is no longer there."""
    shown = f": {quoted(text)}" if text else ""
    return Change(what=what, kind=Kind.REMOVED, sentence=f"{name} was taken out{shown}.", before=text, quote=quote)


def reworded(what: What, name: str, before: str, after: str, *, quote: str | None = None) -> Change:
    """Words that changed; where one side is empty, it was added or taken out."""
    if not before.strip() or not after.strip():
        make = removed if before.strip() else added
        return make(what, name, before.strip() or after.strip(), quote=quote)
    pieces = compare_words(before, after)
    how = changes_in_words(pieces) or "only blanks and line breaks"
    return Change(
        what=what,
        kind=Kind.CHANGED,
        sentence=f"{name} changed: {how}.",
        before=before,
        after=after,
        quote=quote,
        pieces=pieces,
    )


def replaced(what: What, name: str, before: object, after: object, *, quote: str | None = None) -> Change:
    """One value in the place of another; None is nothing."""
    old, new = (None if value is None or value == "" else str(value) for value in (before, after))
    return Change(
        what=what,
        kind=Kind.CHANGED,
        sentence=f"{name} changed from {_value(old)} to {_value(new)}.",
        before=old,
        after=new,
        quote=quote,
    )


def _value(value: str | None) -> str:
    return "nothing" if value is None else value
