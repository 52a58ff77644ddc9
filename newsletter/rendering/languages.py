"""What a language decides: the direction of its script and how it writes a date. Never the machine's locale."""

from __future__ import annotations

from datetime import date as Date  # noqa: N812 - `date` is the word for an issue's day everywhere
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from newsletter.errors import InputError

# English without a territory: weekday, day, month, year need no commas and no territory's order.
_ENGLISH = {"full": "EEEE d MMMM y", "long": "d MMMM y"}


@lru_cache(maxsize=32)
def locale_of(language: str) -> Locale:
    """The locale of a BCP 47 tag such as `en`, `pt-BR`.

    Raises:
        InputError: CLDR does not know the language.
    """
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError) as error:
        raise InputError(
            f"no language is known by the tag {language!r}",
            where="newsroom.language",
            remedy="Use a BCP 47 tag such as en, de or pt-BR",
        ) from error


def direction(language: str) -> str:
    """`rtl` for Arabic, Hebrew, Persian, Urdu and their kin, else `ltr`."""
    return str(locale_of(language).text_direction)


def long_date(day: Date, language: str) -> str:
    """The day with its weekday, as the language writes it: `Tuesday 24 November 2026`."""
    return _written(day, language, "full")


@lru_cache(maxsize=4096)
def short_date(day: Date, language: str) -> str:
    """The day without its weekday: `3 March 2026`."""
    return _written(day, language, "long")


def _written(day: Date, language: str, width: str) -> str:
    pattern = _ENGLISH[width] if language == "en" else width
    return str(format_date(day, format=pattern, locale=locale_of(language)))
