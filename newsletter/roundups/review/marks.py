"""Quotation marks, ellipses, brackets and characters: what is wrong within the text, with the exact place."""

from __future__ import annotations

import re
from collections.abc import Iterator

import ftfy

from newsletter.findings import Severity
from newsletter.roundups.draft import QuoteDraft
from newsletter.roundups.lines import (
    Piece,
    ends_closed,
    ends_ellipsis,
    has_mark,
    last_close,
    only_ellipsis,
    starts_open,
)
from newsletter.roundups.review.matter import Matter, Noted, replace, short

_COLLIDE = re.compile(r"(?:…\.?|\.{3,4}|”|»)[“„«](?=\w|\[)")
_MISDECODED = re.compile(r"â€|â\x80|Ã[\x80-\xbf¡-¿]|Â[\xa0¡-¿]|ðŸ|Ð[\x80-\xbf°-¿]")
_CAPITAL = re.compile(r"\[(?P<edit>[^\[\]]{1,200})\][ \t]+(?=[A-Z][a-z])|\](?=[A-Z][a-z])")
_FUNCTION_WORD = re.compile(
    r"(?:The|A|An|And|But|Or|That|This|These|Those|It|Its|He|She|They|We|In|On|At|Of|For|With|As|To|Is|Are|Was|Were|Have|Has|Had|Will|Would)\b"
)


def marks(matter: Matter) -> Iterator[Noted]:
    """Paragraphs without an opener, last paragraphs without a closer, quotes that trail off."""
    for section, quote, _ in matter.pairs():
        if not any(has_mark(piece.text) for piece in quote.paragraphs):
            continue
        yield from _openers(
            quote, Severity.INFO if section.introduces and not matter.is_opinion(quote) else Severity.WARNING
        )
        yield from _closers(quote)


def _openers(quote: QuoteDraft, severity: Severity) -> Iterator[Noted]:
    marked = any(starts_open(piece.text) for piece in quote.paragraphs)
    for piece in quote.paragraphs:
        text = piece.text
        if starts_open(text) or only_ellipsis(text):
            continue
        lost = text.count("”") > text.count("“") or ("“" not in text and "”" not in text and text.count('"') % 2 == 1)
        if lost or (not has_mark(text) and (marked or len(quote.paragraphs) > 1)):
            mark = '"' if "”" not in text and '"' in text else "“"
            yield Noted(
                "QUOTE-OPENER-MISSING",
                "the opening mark is missing",
                piece,
                severity=severity,
                fix=replace(piece, 0, 0, mark),
            )


def _closers(quote: QuoteDraft) -> Iterator[Noted]:
    last = next((piece for piece in reversed(quote.paragraphs) if not only_ellipsis(piece.text)), None)
    if last is None or not any(starts_open(piece.text) for piece in quote.paragraphs):
        return
    text = last.text
    opened = text.count("“") - len(_COLLIDE.findall(text))
    unclosed = opened > text.count("”") and '"' not in text[1:]
    unclosed = unclosed or ("“" not in text and "”" not in text and text.count('"') % 2 == 1)
    trails_off = ends_ellipsis(text) or quote.paragraphs[-1] is not last
    if not unclosed or (ends_closed(text) and opened <= 1):
        return
    end = len(text)
    if trails_off:
        message = "the quote trails off with an ellipsis and then comes its source: is a paragraph missing?"
        yield Noted("QUOTE-ENDS-ELLIPSIS", message, last, offset=max(end - 1, 0))
    else:
        mark = '"' if "“" not in text else "”"
        yield Noted(
            "QUOTE-UNCLOSED", "the closing mark is missing", last, offset=end, fix=replace(last, end, end, mark)
        )


def closed_early(matter: Matter) -> Iterator[Noted]:
    """A closed paragraph, and another quote below it with no attribution between."""
    for section in matter.draft.sections:
        for first, second in zip(section.quotes, section.quotes[1:], strict=False):
            if first.source is None and first.closed and not second.before:
                last = first.paragraphs[-1]
                end = max(last_close(last.text), 1)
                message = "closed here, and another quote follows with no attribution between: drop the mark, or name the source"
                yield Noted("QUOTE-CLOSED-EARLY", message, last, offset=end - 1, fix=replace(last, end - 1, end, ""))


def collisions(matter: Matter) -> Iterator[Noted]:
    """Marks that touch within a line: a paragraph break was lost."""
    for piece in matter.lines:
        for found in _COLLIDE.finditer(piece.text):
            at = found.end() - 1
            message = f"{found[0]} inside a line: was there a paragraph break between?"
            yield Noted("MARKS-COLLIDE", message, piece, offset=at, fix=replace(piece, at, at, "\n"))


def mixture(matter: Matter) -> Iterator[Noted]:
    """Straight marks among curly ones, or the other way round: whichever are fewer."""
    straight = sum(piece.text.count('"') for piece in matter.lines)
    curly = sum(piece.text.count("“") + piece.text.count("”") for piece in matter.lines)
    if not straight or not curly:
        return
    odd, name = ('"', "straight") if straight <= curly else ("“”", "curly")
    for piece in matter.lines:
        for at, character in enumerate(piece.text):
            if character in odd:
                yield Noted(
                    "MARKS-MIXED",
                    f"a {name} mark among the others",
                    piece,
                    offset=at,
                    fix=replace(piece, at, at + 1, _other_mark(piece.text, at)),
                )


def _other_mark(text: str, at: int) -> str:
    if text[at] != '"':
        return '"'
    return "“" if at == 0 or text[at - 1] in " \t([—–-‘" else "”"


def text(matter: Matter) -> Iterator[Noted]:
    """Mis-decoded characters, and brackets."""
    for piece in matter.lines:
        text = piece.text
        if ("â" in text or "Ã" in text or "Â" in text or "ð" in text or "Ð" in text) and _MISDECODED.search(text):
            repaired = ftfy.fix_encoding(text)
            if repaired != text:
                message = f"mis-decoded characters; repaired it reads {short(repaired)!r}"
                yield Noted("TEXT-MISDECODED", message, piece, fix=replace(piece, 0, len(text), repaired))
        if "[" in text or "]" in text:
            yield from _brackets(piece)


def _brackets(piece: Piece) -> Iterator[Noted]:
    opened: list[int] = []
    for at, character in enumerate(piece.text):
        if character == "[":
            opened.append(at)
        elif character == "]":
            if not opened:
                yield Noted("BRACKET-UNMATCHED", "] without its [", piece, offset=at)
            else:
                opened.pop()
    for at in opened:
        yield Noted("BRACKET-UNMATCHED", "[ without its ]", piece, offset=at)
    for found in _CAPITAL.finditer(piece.text):
        if _FUNCTION_WORD.match(piece.text, found.end()) or not _before_a_name(found["edit"]):
            yield Noted("BRACKET-CAPITAL", "a capital after a bracketed edit", piece, offset=found.end())


def _before_a_name(edit: str | None) -> bool:
    """Whether a name may well follow the bracket: `[President] Ames`, `[the] Senate`, `[Ms.] Corrie`."""
    words = (edit or "").split()
    return bool(words) and (
        len(words) == 1 or words[-1][0].isupper() or words[-1] in {"the", "of", "and", "in", "by", "from", "to"}
    )
