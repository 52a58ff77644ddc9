from __future__ import annotations

import importlib.util
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.web.public.zones import AREAS, zones_by_area
from newsletter.web.translating import SOURCE, Tongue, choose, languages, tongue_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def translations() -> ModuleType:
    spec = importlib.util.spec_from_file_location("translations", ROOT / "scripts" / "translations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["translations"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", [name for name in languages() if name != SOURCE])
def test_every_catalogue_is_complete_and_in_step_with_the_pages(translations: ModuleType, language: str) -> None:
    assert translations.faults(language) == []


def test_the_sources_are_read_for_what_has_to_be_said(translations: ModuleType) -> None:
    said = {message.id for message in translations.template()}
    assert "Subscribe again" in said
    assert "Your preferences" in said
    assert ("%(number)s week", "%(number)s weeks") in said


@pytest.mark.parametrize(
    ("newsroom", "accepted", "own", "tag"),
    [
        ("en", "", None, "en"),
        ("en", "de-AT,de;q=0.9,en;q=0.5", None, "en"),  # the newsletter's language, wherever it is taken
        ("en", "de-AT,de;q=0.9", None, "de-AT"),
        ("de", "en", None, "en"),
        ("de", "", None, "de"),
        ("fr", "it,de;q=0.3,en;q=0.2", None, "de"),
        ("fr", "it", None, "en"),
        ("en", "en;q=0,de", None, "de"),
        ("en", "de", "en-GB", "en-GB"),
        ("en", "en", "de", "de"),
        ("en", "de", "xx", "de"),
        ("en", "de-ZZZZ9", None, "de"),
    ],
)
def test_the_readers_language_goes_first_then_the_newsletters_then_the_browsers(
    newsroom: str, accepted: str, own: str | None, tag: str
) -> None:
    assert choose(newsroom, accepted, own=own).tag == tag


@given(st.text(max_size=200))
def test_no_header_breaks_the_choice(accepted: str) -> None:
    assert choose("en", accepted, own=accepted[:5]).language in languages()


def test_dates_numbers_and_hours_are_the_locales() -> None:
    german, american, english = (Tongue(language=tag[:2], tag=tag) for tag in ("de-AT", "en-US", "en"))
    day = date(2026, 11, 24)
    assert (german.day(day), english.day(day)) == ("Dienstag, 24. November 2026", "Tuesday 24 November 2026")
    assert american.day(day) == "Tuesday, November 24, 2026"
    assert (german.number(12431), english.number(12431)) == ("12.431", "12,431")
    assert (german.hour("06:00"), american.hour("18:00")) == ("06:00", "6:00\N{NARROW NO-BREAK SPACE}PM")
    assert "10:30" in german.instant(datetime(2026, 11, 24, 9, 30, tzinfo=UTC), "Europe/Vienna")


def test_places_are_called_as_the_language_calls_them() -> None:
    german = tongue_of("de")
    assert german is not None
    assert german.place("Europe/Vienna") == "Wien"
    places = dict(zones_by_area(german))
    assert ("America/New_York", "New York") in places["Amerika"]
    assert len(places) == len([area for area in AREAS if area != "Arctic"]) + ("Arktis" in places)
    assert sum(map(len, places.values())) > 300
