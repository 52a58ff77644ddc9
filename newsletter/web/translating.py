"""The languages of the pages: which one a reader gets, the words in it, dates and numbers as they write them.

The catalogues are gettext's (`locale/LANGUAGE/LC_MESSAGES/newsletter.po`), read when they are first needed: what is
committed is what people edit, and nothing compiled can lag behind it. English is the language of the sources.
"""

from __future__ import annotations

import gettext
import io
import re
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - as everywhere
from datetime import datetime, time
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime, format_time, get_timezone_location
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from newsletter.rendering.languages import direction, long_date, short_date

FOLDER = Path(__file__).parent / "locale"
DOMAIN = "newsletter"
SOURCE = "en"
_RANGE = re.compile(r"\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\s*(?:;\s*q\s*=\s*(0(?:\.\d{1,3})?|1(?:\.0{1,3})?)\s*)?")
_MOST_RANGES = 20


def marked(words: str) -> str:
    """The words as they are: what is said later, and has to be in the catalogues, is written in this."""
    return words


@cache
def languages() -> tuple[str, ...]:
    """The languages that the pages are written in, English first."""
    return (SOURCE, *sorted(path.name for path in FOLDER.iterdir() if path.is_dir()))


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The words in one of `languages()`; those of English are their own."""
    if language == SOURCE:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with (FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        # An entry marked fuzzy is a guess, and no reader is told guesses.
        write_mo(compiled, read_po(file, locale=language), use_fuzzy=False)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tongue:
    """How the pages speak to somebody: `language` is one of `languages()`, `tag` theirs in full, such as `de-AT`."""

    language: str
    tag: str

    @property
    def words(self) -> gettext.NullTranslations:
        """The catalogue."""
        return catalogue(self.language)

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return direction(self.language)

    def say(self, words: str, **values: object) -> str:
        """The words in this language, with the values put in; both as plain text."""
        return self.words.gettext(words) % values if values else self.words.gettext(words)

    def day(self, day: Date) -> str:
        """With its weekday: `Tuesday 24 November 2026`."""
        return long_date(day, self.tag)

    def short_day(self, day: Date) -> str:
        """Without its weekday: `24 November 2026`."""
        return short_date(day, self.tag)

    def instant(self, instant: datetime, zone: str) -> str:
        """Date and time on the clocks of `zone`, which is named."""
        moment = format_datetime(instant, "long", tzinfo=ZoneInfo(zone), locale=_locale(self.tag))
        return str(moment)

    def hour(self, hour: str) -> str:
        """`06:00` as the clock is read here: `6:00 AM`, `06:00`."""
        return str(format_time(time.fromisoformat(hour), "short", locale=_locale(self.tag)))

    def number(self, number: int) -> str:
        """With the language's mark between the thousands."""
        return str(format_decimal(number, locale=_locale(self.tag)))

    def place(self, zone: str) -> str:
        """The city that a time zone is named after, as the language writes it: `New York`, `Wien`."""
        return _place(zone, self.language)


@cache
def _place(zone: str, language: str) -> str:
    named = get_timezone_location(zone, locale=_locale(language), return_city=True)
    # CLDR has no city for a few; their own name says it as well.
    return named if "(" not in named else zone.rpartition("/")[2].replace("_", " ")


@cache
def _locale(tag: str) -> Locale:
    return Locale.parse(tag, sep="-")


def tongue_of(tag: str | None) -> Tongue | None:
    """How to speak to somebody whose language is `tag` (BCP 47); None where the pages are not written in it."""
    language = (tag or "").partition("-")[0].lower()
    if tag is None or language not in languages():
        return None
    try:
        return Tongue(language=language, tag=str(Locale.parse(tag, sep="-")).replace("_", "-"))
    except (UnknownLocaleError, ValueError):
        return Tongue(language=language, tag=language)


ENGLISH = Tongue(language=SOURCE, tag=SOURCE)


def choose(newsroom: str, accepted: str, *, own: str | None = None) -> Tongue:
    """How to speak to whoever asks.

    A reader's own language goes first. A page of the newsletter is in the newsletter's language wherever the browser
    takes that at all; else in the one of ours that the browser likes best; else in the newsletter's, or in English.

    Args:
        newsroom: the language of the newsletter.
        accepted: the header Accept-Language (RFC 9110 section 12.5.4), "" where there is none.
        own: the language that the reader has chosen, if it is known.
    """
    if (chosen := tongue_of(own)) is not None:
        return chosen
    home = tongue_of(newsroom)
    known = [tongue for tag in _liked(accepted) if (tongue := tongue_of(tag)) is not None]
    same = next((tongue for tongue in known if home is not None and tongue.language == home.language), None)
    return same or (known[0] if known else None) or home or ENGLISH


def _liked(accepted: str) -> list[str]:
    """The languages of the header, the best liked first; what is no language is passed over."""
    ranges = [found for part in accepted.split(",")[:_MOST_RANGES] if (found := _RANGE.fullmatch(part))]
    wanted = [(float(found[2] or 1), found[1]) for found in ranges]
    return [tag for weight, tag in sorted(wanted, key=lambda one: -one[0]) if weight > 0]
