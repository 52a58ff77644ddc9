"""The rules by which lines land, in order; `read_draft` applies them.

A rule stands here beside the question whether a line could concern it at all. That question looks at nothing but the line's own
text, so its answer is remembered: a hostile file of half a million equal lines costs half a million look-ups, no more.
"""

from __future__ import annotations

from collections.abc import Callable

from newsletter.roundups.dates import date_line
from newsletter.roundups.draft import Draft
from newsletter.roundups.furniture import is_furniture, is_ruler, opens_letter
from newsletter.roundups.headings import heading_lean, is_markdown, stance_lean
from newsletter.roundups.lines import Piece, has_label, has_mark, only_ellipsis, starts_open
from newsletter.roundups.outlets import Outlets
from newsletter.roundups.reader import Reader
from newsletter.roundups.rules import head, quotes, sources

Rule = Callable[[Reader, Piece], bool]

_RULES: tuple[tuple[Callable[[Reader, str], bool], Rule], ...] = (
    (lambda _, text: head.may_hint(text), head.hint),
    (lambda _, text: date_line(text)[0], head.dated),
    (
        lambda _, text: is_furniture(text) or is_ruler(text) or opens_letter(text) or head.is_mail_header(text),
        head.furnishing,
    ),
    (lambda _, text: head.is_dialogue(text), head.dialogue),
    (lambda _, text: heading_lean(text)[0] or is_markdown(text), head.headed),
    (lambda _, text: starts_open(text) or has_label(text), quotes.opened),
    (lambda _, text: only_ellipsis(text), quotes.trailing_off),
    (lambda reader, text: reader.source(text) is not None, sources.attributed),
    (lambda _, text: has_mark(text), quotes.narrated),
    (lambda _, text: stance_lean(text) is not None or head.may_be_stance(text), head.stance),
    (lambda *_: True, quotes.continued),
    (lambda _, text: head.may_be_named(text), head.named),
)


def read_draft(pieces: list[Piece], outlets: Outlets) -> Draft:
    """Sort the non-blank lines of a roundup into a draft. Never fails: what fits nowhere is prose."""
    pieces = [part for piece in pieces for part in quotes.divided(piece, outlets)]
    reader = Reader(pieces, outlets)
    candidates: dict[str, tuple[Rule, ...]] = {}
    for reader.index, piece in enumerate(pieces):
        rules = candidates.get(piece.text)
        if rules is None:
            rules = tuple(rule for concerns, rule in _RULES if concerns(reader, piece.text))
            candidates[piece.text] = rules
        _land(reader, piece, rules)
    reader.drop_pending()
    if reader.draft.sections[0].empty:
        del reader.draft.sections[0]
    return reader.draft


def _land(reader: Reader, piece: Piece, rules: tuple[Rule, ...]) -> None:
    if reader.in_letter and head.in_letter(reader, piece):
        return
    if reader.draft.title is None and not reader.content and head.titled(reader, piece):
        return
    for rule in rules:
        if rule(reader, piece):
            return
    reader.to_prose(piece)
