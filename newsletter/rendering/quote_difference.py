"""The quotes of two editions compared. A quote's id is a hash of its words, so one that was edited has to be found. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from newsletter.rendering.change import Change, Kind, What, added, removed, replaced, reworded
from newsletter.rendering.outline import QuoteLine

ALIKE, ALIKE_BY_SAME = 0.5, 0.2
"""Which share of their words two quotes have in common where one is the other, edited; less will do with one source."""
MOST_COMPARED = 100
"""Quotes without a match by their words that are compared with each other; past them they count as others."""

_Pair = tuple[QuoteLine, QuoteLine]


def compare_quotes(old: Sequence[QuoteLine], new: Sequence[QuoteLine]) -> Iterator[Change]:
    """What became of the quotes, in the new order; those that were taken out come last."""
    pairs, gone, _ = _matched(old, new)
    moved = _moved(pairs)
    by_new = {now.place: (was, now) for was, now in pairs}
    for quote in new:
        if quote.place in by_new:
            yield from _changed(*by_new[quote.place], moved=quote.place in moved, total=len(new))
        else:
            yield added(What.QUOTE, f"The quote by {quote.name}, under {quote.section!r},", quote.text, quote=quote.id)
    for quote in gone:
        yield removed(What.QUOTE, f"The quote by {quote.name}", quote.text, quote=quote.id)


def _changed(was: QuoteLine, now: QuoteLine, *, moved: bool, total: int) -> Iterator[Change]:
    name = f"The quote by {now.name}"
    if was.text != now.text:
        yield reworded(What.QUOTE, name, was.text, now.text, quote=now.id)
    if was.attribution != now.attribution:
        yield reworded(
            What.ATTRIBUTION, f"The attribution of {_start(now)}", was.attribution, now.attribution, quote=now.id
        )
    if was.side != now.side:
        yield replaced(What.SIDE, f"The side of the quote by {now.name}", was.side, now.side, quote=now.id)
    if was.link != now.link:
        yield replaced(What.LINK, f"The link of the quote by {now.name}", was.link, now.link, quote=now.id)
    if was.section != now.section:
        sentence = f"{name} moved from {was.section!r} to {now.section!r}."
        yield Change(
            what=What.QUOTE, kind=Kind.MOVED, sentence=sentence, before=was.section, after=now.section, quote=now.id
        )
    elif moved:
        sentence = f"{name} moved from place {was.place} to place {now.place} of {total}."
        yield Change(
            what=What.QUOTE,
            kind=Kind.MOVED,
            sentence=sentence,
            before=str(was.place),
            after=str(now.place),
            quote=now.id,
        )


def _start(quote: QuoteLine) -> str:
    words = quote.text.split()
    return "“" + " ".join(words[:6]).strip('“”"') + (" …”" if len(words) > 6 else "”")


def _matched(
    old: Sequence[QuoteLine], new: Sequence[QuoteLine]
) -> tuple[list[_Pair], list[QuoteLine], list[QuoteLine]]:
    """Pairs of the same quote, then what is left of the old and of the new."""
    waiting: dict[str, list[QuoteLine]] = {}
    for quote in old:
        waiting.setdefault(quote.id, []).append(quote)
    pairs, come = [], []
    for quote in new:
        if waiting.get(quote.id):
            pairs.append((waiting[quote.id].pop(0), quote))
        else:
            come.append(quote)
    gone = sorted((quote for left in waiting.values() for quote in left), key=lambda quote: quote.place)
    edited = _edited(gone[:MOST_COMPARED], come[:MOST_COMPARED])
    taken = {was.place for was, _ in edited}, {now.place for _, now in edited}
    return (
        sorted([*pairs, *edited], key=lambda pair: pair[1].place),
        [quote for quote in gone if quote.place not in taken[0]],
        [quote for quote in come if quote.place not in taken[1]],
    )


def _edited(gone: Sequence[QuoteLine], come: Sequence[QuoteLine]) -> list[_Pair]:
    """The likeliest pairs first; each quote in one pair at most."""
    words = {id(quote): Counter(quote.text.split()) for quote in (*gone, *come)}
    scored = sorted(
        (
            (
                _likeness(words[id(was)], words[id(now)]),
                was.attribution == now.attribution,
                -abs(was.place - now.place),
                was,
                now,
            )
            for was in gone
            for now in come
        ),
        key=lambda each: each[:3],
        reverse=True,
    )
    pairs: list[_Pair] = []
    used: set[int] = set()
    for likeness, same, _, was, now in scored:
        if likeness >= (ALIKE_BY_SAME if same else ALIKE) and not {id(was), id(now)} & used:
            pairs.append((was, now))
            used |= {id(was), id(now)}
    return pairs


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    """The share of words in common, from 0 to 1 (Dice's coefficient over the words with their numbers)."""
    return 2 * (one & other).total() / max(1, one.total() + other.total())


def _moved(pairs: Sequence[_Pair]) -> set[int]:
    """The new places of the fewest quotes that have to be moved to make the new order out of the old one."""
    ends: list[int] = []
    tails: list[int] = []
    before: list[int] = []
    for number, (was, _) in enumerate(pairs):
        at = bisect_left(ends, was.place)
        before.append(tails[at - 1] if at else -1)
        ends[at : at + 1] = [was.place]
        tails[at : at + 1] = [number]
    kept, number = set(), tails[-1] if tails else -1
    while number >= 0:
        kept.add(number)
        number = before[number]
    return {now.place for number, (_, now) in enumerate(pairs) if number not in kept}
