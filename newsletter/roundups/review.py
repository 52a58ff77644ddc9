"""What the parser warns of: one function a matter, each with its code, over the finished draft.

`CODES` is the reference: severity and reason of every code, from which the documentation is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import ftfy

from newsletter.findings import Finding, Fix, Severity
from newsletter.roundups.draft import Draft, QuoteDraft, SectionDraft
from newsletter.roundups.headings import is_bright_side
from newsletter.roundups.lines import (
    Piece,
    ends_closed,
    ends_ellipsis,
    has_mark,
    last_close,
    only_ellipsis,
    starts_open,
)
from newsletter.roundups.model import Lean, Quote, Section
from newsletter.roundups.outlets import Outlets

MOST_OF_A_CODE = 50
"""Findings of one code that are listed one by one; a hostile file could have a million."""

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
CODES: dict[str, tuple[Severity, str]] = {
    "QUOTE-NO-ATTRIBUTION": (_E, "A quote without a source cannot be printed."),
    "ATTRIBUTION-NO-QUOTE": (_E, "A source with nothing to stand under means that a quote is missing or split."),
    "TEXT-NO-ROLE": (_E, "Text that is no quote, heading or stance line would be lost or misread; a person must say what it is."),
    "SIDE-UNDECIDED": (_E, "Whose side an unlabelled quote is on is an editor's decision, never a guess."),
    "SIDES-FEWER-THAN-TWO": (_E, "The newsletter's promise is several sides of a question."),
    "QUOTE-OPENER-MISSING": (_W, "Every paragraph of a quote opens with a mark; it is often lost in pasting."),
    "QUOTE-UNCLOSED": (_W, "The last paragraph of a quote closes it; a missing mark may mean that text is missing."),
    "QUOTE-CLOSED-EARLY": (_W, "A closed paragraph and then another without a source between: one mark too many, or one source too few."),
    "QUOTE-ENDS-ELLIPSIS": (_W, "An ellipsis promises more of the quote, but the source follows."),
    "MARKS-COLLIDE": (_W, "Marks that touch within a line are what a lost paragraph break leaves behind."),
    "MARKS-MIXED": (_W, "Straight and curly quotation marks in one text look careless."),
    "OUTLET-UNKNOWN": (_W, "An outlet that outlets.toml does not know has no rating and may be misspelt."),
    "OUTLET-ALONE": (_W, "An opinion has an author, or an editorial board that stands for it."),
    "HEADING-EMPTY": (_W, "A heading with nothing under it."),
    "TWICE-LINE": (_W, "The same line twice is usually a slip of pasting."),
    "TWICE-QUOTE": (_W, "The same quote twice is usually a slip of pasting."),
    "TWICE-AUTHOR": (_W, "Two quotes of one author narrow the view."),
    "TWICE-OUTLET": (_W, "Two quotes of one outlet narrow the view."),
    "QUOTE-LONG": (_W, "A long quote tires the reader and strains fair use; the limit is the newsroom's setting."),
    "BALANCE-QUOTES": (_W, "Left and right differ by more than one quote."),
    "BALANCE-WORDS": (_W, "One side has more than one and a half times the words of the other."),
    "TITLE-MISSING": (_W, "The issue needs a title; the editor can give one."),
    "DATE-MISSING": (_W, "The issue needs a date; the editor can give one."),
    "DATE-NO-YEAR": (_W, "A date without a year is completed with the nearest one, which may be wrong."),
    "FURNITURE-LEFT": (_W, "Sign-up lines, promotions and the like are set aside and not printed."),
    "TEXT-MISDECODED": (_W, "UTF-8 was read as Windows-1252 or Latin-1 on its way into this file."),
    "BRACKET-UNMATCHED": (_W, "An editor's bracket that never closes, or was never opened."),
    "BRACKET-CAPITAL": (_W, "After a bracketed edit in mid-sentence the next word is small."),
}  # fmt: skip

_COLLIDE = re.compile(r"(?:…\.?|\.{3,4}|”|»)[“„«](?=\w|\[)")
_MISDECODED = re.compile(r"â€|â\x80|Ã[\x80-\xbf¡-¿]|Â[\xa0¡-¿]|ðŸ|Ð[\x80-\xbf°-¿]")
_CAPITAL = re.compile(r"\[(?P<edit>[^\[\]]{1,200})\][ \t]+(?=[A-Z][a-z])|\](?=[A-Z][a-z])")
_FUNCTION_WORD = re.compile(
    r"(?:The|A|An|And|But|Or|That|This|These|Those|It|Its|He|She|They|We|In|On|At|Of|For|With|As|To|Is|Are|Was|Were|Have|Has|Had|Will|Would)\b"
)
_WORDS = re.compile(r"[\w’'-]+")


@dataclass(frozen=True, slots=True)
class _Matter:
    """What every review looks at: the draft, the finished sections beside its own, the opinions among the quotes."""

    lines: list[Piece]
    draft: Draft
    sections: tuple[Section, ...]
    opinions: frozenset[int]
    outlets: Outlets
    longest: int

    def pairs(self) -> Iterator[tuple[SectionDraft, QuoteDraft, Quote]]:
        """Each quote of the draft with its section and its finished form."""
        for section, done in zip(self.draft.sections, self.sections, strict=True):
            for quote, finished in zip(section.quotes, done.quotes, strict=True):
                yield section, quote, finished

    def is_opinion(self, quote: QuoteDraft) -> bool:
        """Whether the quote argues, rather than reports."""
        return id(quote) in self.opinions


def review(
    lines: list[Piece],
    draft: Draft,
    sections: tuple[Section, ...],
    opinions: frozenset[int],
    outlets: Outlets,
    longest: int,
) -> tuple[Finding, ...]:
    """All findings on a roundup, by line; of each code at most `MOST_OF_A_CODE`, and then one that counts the rest."""
    matter = _Matter(lines, draft, sections, opinions, outlets, longest)
    found: list[Finding] = []
    for check in _REVIEWS:
        found += _capped(check(matter))
    return tuple(sorted(found, key=lambda finding: (finding.line or 0, finding.column or 0)))


def _capped(findings: Iterator[Finding]) -> Iterator[Finding]:
    counts: dict[str, int] = {}
    for finding in findings:
        count = counts[finding.code] = counts.get(finding.code, 0) + 1
        if count <= MOST_OF_A_CODE:
            yield finding
    for code, count in counts.items():
        if count > MOST_OF_A_CODE:
            severity, why = CODES[code]
            yield Finding(
                code=code, severity=severity, message=f"and {count - MOST_OF_A_CODE:,} more of this kind", why=why
            )


def _finding(
    code: str,
    message: str,
    piece: Piece | None,
    *,
    offset: int = 0,
    severity: Severity | None = None,
    fix: Fix | None = None,
) -> Finding:
    default, why = CODES[code]
    return Finding(
        code=code,
        severity=severity or default,
        message=message,
        line=piece.line if piece else 1,
        column=piece.column + offset if piece else 1,
        fix=fix,
        why=why,
    )


def _replace(piece: Piece, start: int, end: int, replacement: str) -> Fix:
    return Fix(line=piece.line, column=piece.column + start, end_column=piece.column + end, replacement=replacement)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57].rstrip() + "…"


def _attributions(matter: _Matter) -> Iterator[Finding]:
    for _, quote, _ in matter.pairs():
        if quote.source is None:
            yield _finding(
                "QUOTE-NO-ATTRIBUTION",
                "this quote has no attribution: add `Author, Outlet` under it",
                quote.paragraphs[0],
            )
    for piece in matter.draft.orphans:
        yield _finding("ATTRIBUTION-NO-QUOTE", f"no quote belongs to {_short(piece.text)!r}", piece)


def _roles(matter: _Matter) -> Iterator[Finding]:
    orphans = {id(piece) for piece in matter.draft.orphans}
    for section in matter.draft.sections:
        if section.introduces or (section.heading and is_bright_side(section.heading.text)):
            continue
        for piece in section.prose:
            if id(piece) not in orphans:
                message = f"what is {_short(piece.text)!r}? It is no quote, heading, stance line or attribution"
                yield _finding("TEXT-NO-ROLE", message, piece)


def _sides(matter: _Matter) -> Iterator[Finding]:
    undecided = 0
    sides: set[Lean] = set()
    for section, quote, finished in matter.pairs():
        if finished.lean is not None:
            sides.add(finished.lean)
        elif matter.is_opinion(quote):
            undecided += 1
            hint = ""
            if finished.suggestion:
                hint = f"; {finished.suggestion.lean} is suggested: {finished.suggestion.reason}"
            yield _finding(
                "SIDE-UNDECIDED",
                f"whose side is {finished.attribution or 'this quote'!r} on{hint}",
                quote.paragraphs[0],
            )
        if section.lean is Lean.BOTH:
            sides |= {Lean.LEFT, Lean.RIGHT}
    if len(sides) + undecided < 2:
        only = f"only the {next(iter(sides))} is" if sides else "no side, or a single quote at most, is"
        yield _finding("SIDES-FEWER-THAN-TWO", f"{only} quoted here", None)


def _marks(matter: _Matter) -> Iterator[Finding]:
    for section, quote, _ in matter.pairs():
        if not any(has_mark(piece.text) for piece in quote.paragraphs):
            continue
        yield from _openers(quote, _I if section.introduces and not matter.is_opinion(quote) else _W)
        yield from _closers(quote)


def _openers(quote: QuoteDraft, severity: Severity) -> Iterator[Finding]:
    marked = any(starts_open(piece.text) for piece in quote.paragraphs)
    for piece in quote.paragraphs:
        text = piece.text
        if starts_open(text) or only_ellipsis(text):
            continue
        lost = text.count("”") > text.count("“") or ("“" not in text and "”" not in text and text.count('"') % 2 == 1)
        if lost or (not has_mark(text) and (marked or len(quote.paragraphs) > 1)):
            mark = '"' if "”" not in text and '"' in text else "“"
            yield _finding(
                "QUOTE-OPENER-MISSING",
                "the opening mark is missing",
                piece,
                severity=severity,
                fix=_replace(piece, 0, 0, mark),
            )


def _closers(quote: QuoteDraft) -> Iterator[Finding]:
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
        yield _finding("QUOTE-ENDS-ELLIPSIS", message, last, offset=max(end - 1, 0))
    else:
        mark = '"' if "“" not in text else "”"
        yield _finding(
            "QUOTE-UNCLOSED", "the closing mark is missing", last, offset=end, fix=_replace(last, end, end, mark)
        )


def _closed_early(matter: _Matter) -> Iterator[Finding]:
    for section in matter.draft.sections:
        for first, second in zip(section.quotes, section.quotes[1:], strict=False):
            if first.source is None and first.closed and not second.before:
                last = first.paragraphs[-1]
                end = max(last_close(last.text), 1)
                message = "closed here, and another quote follows with no attribution between: drop the mark, or name the source"
                yield _finding(
                    "QUOTE-CLOSED-EARLY", message, last, offset=end - 1, fix=_replace(last, end - 1, end, "")
                )


def _collisions(matter: _Matter) -> Iterator[Finding]:
    for piece in matter.lines:
        for found in _COLLIDE.finditer(piece.text):
            at = found.end() - 1
            message = f"{found[0]} inside a line: was there a paragraph break between?"
            yield _finding("MARKS-COLLIDE", message, piece, offset=at, fix=_replace(piece, at, at, "\n"))


def _mixture(matter: _Matter) -> Iterator[Finding]:
    straight = sum(piece.text.count('"') for piece in matter.lines)
    curly = sum(piece.text.count("“") + piece.text.count("”") for piece in matter.lines)
    if not straight or not curly:
        return
    odd, name = ('"', "straight") if straight <= curly else ("“”", "curly")
    for piece in matter.lines:
        for at, character in enumerate(piece.text):
            if character in odd:
                yield _finding(
                    "MARKS-MIXED",
                    f"a {name} mark among the others",
                    piece,
                    offset=at,
                    fix=_replace(piece, at, at + 1, _other_mark(piece.text, at)),
                )


def _other_mark(text: str, at: int) -> str:
    if text[at] != '"':
        return '"'
    return "“" if at == 0 or text[at - 1] in " \t([—–-‘" else "”"


def _outlets(matter: _Matter) -> Iterator[Finding]:
    hints: dict[
        str, str
    ] = {}  # looking for the nearest is slow: once an outlet, and no more often than findings are shown
    for _, quote, finished in matter.pairs():
        if not finished.outlet:
            continue
        piece = quote.attribution[0]
        offset = max(piece.text.find(finished.outlet), 0)
        if len(matter.outlets) and not _known(finished.outlet, matter.outlets):
            if finished.outlet not in hints and len(hints) < MOST_OF_A_CODE:
                near = matter.outlets.nearest(finished.outlet)
                hints[finished.outlet] = (
                    f"; did you mean {near.name!r}?" if near else ": add it to outlets.toml, or correct it"
                )
            message = f"the outlet {finished.outlet!r} is not known{hints.get(finished.outlet, '')}"
            yield _finding("OUTLET-UNKNOWN", message, piece, offset=offset)
        if finished.author is None and matter.is_opinion(quote):
            yield _finding(
                "OUTLET-ALONE", f"{finished.outlet!r} stands alone: who wrote this opinion?", piece, offset=offset
            )


def _known(outlet: str, outlets: Outlets) -> bool:
    return outlets.find(outlet) is not None or all(
        outlets.find(part) for part in re.split(r",\s+|\s+and\s+|\s*[&;/+]\s*", outlet)
    )


def _headings(matter: _Matter) -> Iterator[Finding]:
    for section in matter.draft.sections:
        if section.heading and not section.quotes and not section.prose:
            yield _finding("HEADING-EMPTY", f"nothing stands under {_short(section.heading.text)!r}", section.heading)


def _repetitions(matter: _Matter) -> Iterator[Finding]:
    sources = {id(piece) for quote in matter.draft.quotes for piece in quote.attribution}
    seen: dict[str, int] = {}
    split = {piece.line for quote in matter.draft.quotes for piece in quote.attribution if id(piece) in sources}
    for piece in matter.lines:
        if piece.line in split or len(piece.text) < 12:
            continue
        if piece.text in seen:
            yield _finding("TWICE-LINE", f"line {seen[piece.text]} again", piece)
        seen.setdefault(piece.text, piece.line)
    yield from _twice(matter, "TWICE-QUOTE", "quote", lambda quote: quote.id)
    yield from _twice(matter, "TWICE-AUTHOR", "author", _author)
    yield from _twice(matter, "TWICE-OUTLET", "outlet", lambda quote: _outlet_name(quote, matter.outlets))


def _author(quote: Quote) -> str | None:
    if quote.author is None or quote.author.casefold().startswith(("editorial", "the editor", "editors")):
        return None
    return quote.author.casefold()


def _outlet_name(quote: Quote, outlets: Outlets) -> str | None:
    if quote.outlet is None:
        return None
    known = outlets.find(quote.outlet)
    return (known.name if known else quote.outlet).casefold().removeprefix("the ")


def _twice(matter: _Matter, code: str, what: str, key: Callable[[Quote], str | None]) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for _, quote, finished in matter.pairs():
        value = key(finished)
        if value is None or (code != "TWICE-QUOTE" and not matter.is_opinion(quote)):
            continue
        place = quote.paragraphs[0] if code == "TWICE-QUOTE" else quote.attribution[0]
        if value in seen:
            yield _finding(code, f"the same {what} as in line {seen[value]}", place)
        seen.setdefault(value, place.line)


def _lengths(matter: _Matter) -> Iterator[Finding]:
    words = {Lean.LEFT: 0, Lean.RIGHT: 0}
    quotes = {Lean.LEFT: 0, Lean.RIGHT: 0}
    for _, quote, finished in matter.pairs():
        count = sum(len(_WORDS.findall(text)) for text in finished.paragraphs)
        if count > matter.longest:
            yield _finding(
                "QUOTE-LONG", f"{count} words; the newsroom's limit is {matter.longest}", quote.paragraphs[0]
            )
        if finished.lean in words:
            words[finished.lean] += count
            quotes[finished.lean] += 1
    yield from balance(quotes[Lean.LEFT], quotes[Lean.RIGHT], words[Lean.LEFT], words[Lean.RIGHT])


def balance(left_quotes: int, right_quotes: int, left_words: int, right_words: int) -> Iterator[Finding]:
    """Whether left and right have about the same room: quotes within one of each other, words within one and a half times."""
    if not left_quotes or not right_quotes:
        return
    if abs(left_quotes - right_quotes) > 1:
        yield _finding("BALANCE-QUOTES", f"{left_quotes} quotes of the left, {right_quotes} of the right", None)
    if max(left_words, right_words) > 1.5 * min(left_words, right_words):
        yield _finding("BALANCE-WORDS", f"{left_words} words of the left, {right_words} of the right", None)


def _head(matter: _Matter) -> Iterator[Finding]:
    if matter.draft.title is None:
        yield _finding("TITLE-MISSING", "no title stands above the text", None)
    if matter.draft.date is None:
        yield _finding("DATE-MISSING", "no date stands above the text", None)
    elif not matter.draft.date_has_year:
        yield _finding("DATE-NO-YEAR", f"{matter.draft.date.text!r} has no year", matter.draft.date)


def _furniture(matter: _Matter) -> Iterator[Finding]:
    repeats = {id(piece) for piece in matter.draft.repeats}
    for piece in matter.draft.furniture:
        if id(piece) not in repeats:
            yield _finding("FURNITURE-LEFT", f"set aside: {_short(piece.text)!r}", piece)


def _text(matter: _Matter) -> Iterator[Finding]:
    for piece in matter.lines:
        text = piece.text
        if ("â" in text or "Ã" in text or "Â" in text or "ð" in text or "Ð" in text) and _MISDECODED.search(text):
            repaired = ftfy.fix_encoding(text)
            if repaired != text:
                message = f"mis-decoded characters; repaired it reads {_short(repaired)!r}"
                yield _finding("TEXT-MISDECODED", message, piece, fix=_replace(piece, 0, len(text), repaired))
        if "[" in text or "]" in text:
            yield from _brackets(piece)


def _brackets(piece: Piece) -> Iterator[Finding]:
    opened: list[int] = []
    for at, character in enumerate(piece.text):
        if character == "[":
            opened.append(at)
        elif character == "]":
            if not opened:
                yield _finding("BRACKET-UNMATCHED", "] without its [", piece, offset=at)
            else:
                opened.pop()
    for at in opened:
        yield _finding("BRACKET-UNMATCHED", "[ without its ]", piece, offset=at)
    for found in _CAPITAL.finditer(piece.text):
        if _FUNCTION_WORD.match(piece.text, found.end()) or not _before_a_name(found["edit"]):
            yield _finding("BRACKET-CAPITAL", "a capital after a bracketed edit", piece, offset=found.end())


def _before_a_name(edit: str | None) -> bool:
    """Whether a name may well follow the bracket: `[President] Ames`, `[the] Senate`, `[Ms.] Corrie`."""
    words = (edit or "").split()
    return bool(words) and (
        len(words) == 1 or words[-1][0].isupper() or words[-1] in {"the", "of", "and", "in", "by", "from", "to"}
    )


_REVIEWS = (
    _head, _attributions, _roles, _sides, _marks, _closed_early, _collisions, _mixture, _outlets, _headings, _repetitions, _lengths,
    _furniture, _text,
)  # fmt: skip
