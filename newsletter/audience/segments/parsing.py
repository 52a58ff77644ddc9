"""A filter read from its text, by hand: three rules, and errors that say where and what instead. Pure.

either = both {"or" both} · both = one {"and" one} · one = "not" one | "(" either ")" | field sign value
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from newsletter.audience.labels import clean_attribute_name
from newsletter.audience.segments.filters import (
    DEEPEST,
    FIELDS,
    JOINED,
    MOST_TERMS,
    Filter,
    Not,
    Sign,
    Term,
    both,
    either,
)
from newsletter.audience.segments.values import clean
from newsletter.audience.segments.words import FilterError, Kind, Word, words
from newsletter.errors import InputError

_JOINS = ("and", "or")
_EXAMPLE = "Write it as in tag:donor and not country:US"


def parse(text: str) -> Filter:
    """The filter that `text` says.

    Raises:
        FilterError: it says none; names the place, and the nearest word where there is one.
    """
    return _Reader(text).whole()


class _Reader:
    """Reads the words from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = words(text)
        self._place = 0
        self._depth = 0
        self._terms = 0

    def whole(self) -> Filter:
        """All of it."""
        if self._peek().kind is Kind.END:
            raise self._fault("the filter is empty", self._peek(), _EXAMPLE)
        found = self._either()
        if self._peek().kind is Kind.CLOSE:
            raise self._fault("this parenthesis closes none", self._peek(), "Leave it out")
        if self._peek().kind is not Kind.END:
            raise self._no_join(self._peek())
        return found

    def _peek(self) -> Word:
        return self._words[self._place]

    def _take(self) -> Word:
        word = self._words[self._place]
        self._place += 1
        return word

    def _either(self) -> Filter:
        return either(self._row("or", self._both))

    def _both(self) -> Filter:
        return both(self._row("and", self._one))

    def _row(self, join: str, part: Callable[[], Filter]) -> list[Filter]:
        parts = [part()]
        while _says(self._peek(), join):
            self._take()
            parts.append(part())
        return parts

    def _one(self) -> Filter:
        word = self._take()
        if word.kind is Kind.OPEN or _says(word, "not"):
            return self._deeper(word)
        if word.kind is Kind.NAME and not any(_says(word, join) for join in _JOINS):
            return self._term(word)
        raise self._no_term(word)

    def _deeper(self, opening: Word) -> Filter:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._fault(f"this is nested more than {DEEPEST} deep", opening, "Make two segments of it")
        if opening.kind is Kind.OPEN:
            found = self._either()
            if self._peek().kind is not Kind.CLOSE:
                raise (
                    self._fault("this parenthesis is never closed", opening, "Close it with )")
                    if self._peek().kind is Kind.END
                    else self._no_join(self._peek())
                )
            self._take()
        else:
            found = Not(part=self._one())
        self._depth -= 1
        return found

    def _term(self, name: Word) -> Term:
        sign, self._terms = self._peek(), self._terms + 1
        if self._terms > MOST_TERMS:
            raise self._fault(f"the filter has more than {MOST_TERMS} terms", name, "Give readers a tag instead")
        if sign.kind is not Kind.SIGN:
            raise self._alone(name)
        self._take()
        field, value = self._field(name), self._take()
        if value.kind not in {Kind.VALUE, Kind.QUOTED} or value.text == "":
            raise self._fault(
                f"`{name.text}{sign.text}` has no value",
                sign,
                f'Write it as in {field}:something or {field}:"two words"',
            )
        if Sign(sign.text) is not Sign.IS and field != JOINED:
            raise self._fault(f"only `{JOINED}` can be compared by `{sign.text}`", sign, f"Write {field}:{value.text}")
        if value.kind is Kind.VALUE and value.text == "*":
            if sign.text != Sign.IS:
                raise self._fault("`*` stands for any value, and can only follow `:`", value, "Give a day")
            return Term(field=field, value=None)
        try:
            return Term(field=field, sign=Sign(sign.text), value=clean(field, value.text))
        except InputError as error:
            raise self._fault(error.what, value, error.remedy) from None

    def _field(self, name: Word) -> str:
        field = name.text.casefold()
        if field in FIELDS:
            return field
        try:
            known = clean_attribute_name(field)
        except InputError:
            known = ""
        if known != field:
            raise self._fault(
                f"`{name.text}` can name neither a field nor an attribute",
                name,
                f"Fields are {', '.join(FIELDS)}; attributes have names such as country",
            )
        return field

    def _alone(self, name: Word) -> FilterError:
        """A name without a sign: a slip in `and`, `or`, `not`, or a tag without its field."""
        close = get_close_matches(name.text.casefold(), ("not",), n=1)
        remedy = f"Did you mean `{close[0]}`?" if close else f"Did you mean tag:{name.text}?"
        return self._fault(f"`{name.text}` says nothing by itself", name, remedy)

    def _no_join(self, word: Word) -> FilterError:
        close = get_close_matches(word.text.casefold(), _JOINS, n=1, cutoff=0.5)
        remedy = f"Did you mean `{close[0]}`?" if close else "Put `and` or `or` before it"
        return self._fault(f"expected `and` or `or`, and found {_shown(word)}", word, remedy)

    def _no_term(self, word: Word) -> FilterError:
        remedy = "Put it in front: tag:…" if word.kind is Kind.QUOTED else _EXAMPLE
        return self._fault(f"expected a term such as tag:donor, and found {_shown(word)}", word, remedy)

    def _fault(self, what: str, word: Word, remedy: str) -> FilterError:
        return FilterError(what, text=self._text, start=word.start, end=word.end, remedy=remedy)


def _says(word: Word, wanted: str) -> bool:
    return word.kind is Kind.NAME and word.text.casefold() == wanted


def _shown(word: Word) -> str:
    return "its end" if word.kind is Kind.END else f"`{word.text[:40]}`"
