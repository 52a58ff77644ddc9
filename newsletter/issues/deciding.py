"""Writing decisions into an `issue.toml` that people edit too: comments, order and all else stay as they are."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from typing import Any

import tomlkit
from tomlkit.items import InlineTable

from newsletter.errors import InputError
from newsletter.issues.atomic import locked, replace_file
from newsletter.issues.decisions import read_decisions
from newsletter.issues.folder import find_issue, newsroom_outlets
from newsletter.issues.joining import quotes_by_id
from newsletter.issues.naming import ISSUE_FILE
from newsletter.issues.reading import Contents, read_contents
from newsletter.issues.toml_places import Places
from newsletter.roundups.model import Quote
from newsletter.settings import Settings, nearest

SHORTEST_PREFIX = 4


def decide_sides(settings: Settings, slug: str, choices: Mapping[str, str | None]) -> dict[str, str | None]:
    """Decide the sides of quotes, all of them or none; gives the choices under their whole ids.

    Args:
        settings: the newsroom's.
        slug: the issue's.
        choices: a key of the newsroom's sides for each quote id, or for the first 4 or more characters of one;
            None takes the decision back.

    Raises:
        InputError: no such issue, quote or side (names the nearest), or the issue's files cannot be used.
        BlockedError: the file changed on disk in the meantime, or somebody else kept it locked.
    """
    folder = find_issue(settings, slug)
    outlets = newsroom_outlets(settings)
    with locked(folder.path):
        contents = read_contents(settings, folder, outlets)
        quotes = quotes_by_id(contents.readings)
        decided = _resolved(choices, quotes, contents, settings)
        text = with_sides(contents.issue_file.decode("utf-8-sig"), decided, quotes)
        data = text.encode()
        if data != contents.issue_file:
            read_decisions(data, where=str(folder.issue_file), sides=settings.sides)
            replace_file(folder.issue_file, data, expected=contents.issue_file)
    return decided


def with_sides(text: str, decided: Mapping[str, str | None], quotes: Mapping[str, Quote]) -> str:
    """The text of an `issue.toml` with these sides set, or taken out where None; a new line names its quote.

    Raises:
        InputError: the file is written in a way that cannot be edited without changing something else.
    """
    wanted = tomllib.loads(text)
    sides = {**wanted.get("sides", {}), **decided}
    wanted["sides"] = {key: side for key, side in sides.items() if side is not None}
    old = {key: side for key, side in decided.items() if key in _sides(text)}
    changed = _with_changed_sides(text, old)
    new = {key: side for key, side in decided.items() if side is not None and key not in old}
    for add in (_with_new_lines, _with_new_keys):
        edited = add(changed, new, quotes) if new else changed
        if _means(edited, wanted):
            return edited
    raise InputError(
        "cannot be edited without changing something else",
        where=ISSUE_FILE,
        remedy="Write the sides into its [sides] table by hand",
    )


def _sides(text: str) -> dict[str, Any]:
    sides: dict[str, Any] = tomllib.loads(text).get("sides", {})
    return sides


def _means(text: str, wanted: Mapping[str, Any]) -> bool:
    """Whether the text says exactly this: Python's own parser judges the edit."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return {"sides": {}, **found} == wanted


def _with_changed_sides(text: str, sides: Mapping[str, str | None]) -> str:
    document = tomlkit.parse(text)
    table: Any = document.get("sides", {})
    for key, side in sides.items():
        if side is None:
            table.remove(key)
        elif table[key] != side:
            table[key] = side
    return document.as_string()


def _with_new_lines(text: str, sides: Mapping[str, str], quotes: Mapping[str, Quote]) -> str:
    """New lines under the last of `[sides]`; tomlkit would put them under the next table's comment."""
    lines = text.split("\n")
    places = Places(text)
    at = max(places.line("sides", key) or 0 for key in ("", *_sides(text)))
    if not at:
        return _with_new_keys(text, sides, quotes)
    end = "\r" if lines[at - 1].endswith("\r") else ""
    lines[at:at] = [f'{key} = "{side}"  # {_who(quotes[key])}{end}' for key, side in sides.items()]
    return "\n".join(lines)


def _with_new_keys(text: str, sides: Mapping[str, str], quotes: Mapping[str, Quote]) -> str:
    """New keys by tomlkit, wherever the table is and however it is written; the table is made where there is none."""
    document = tomlkit.parse(text)
    if "sides" not in document:
        document["sides"] = tomlkit.table()
    table: Any = document["sides"]
    for key, side in sides.items():
        table[key] = side
        if not isinstance(table, InlineTable):
            table[key].comment(_who(quotes[key]))
    return document.as_string()


def _resolved(
    choices: Mapping[str, str | None], quotes: Mapping[str, Quote], contents: Contents, settings: Settings
) -> dict[str, str | None]:
    decided: dict[str, str | None] = {}
    for given, side in choices.items():
        key = _whole_id(given, quotes, contents)
        if side is not None and side not in settings.sides:
            raise InputError(
                f"no side is called {side!r}", where=f"{given}={side}", remedy=nearest(side, list(settings.sides))
            )
        if decided.get(key, side) != side:
            raise InputError(f"the quote {key} is put on two sides", remedy="Name each quote once")
        decided[key] = side
    return decided


def _whole_id(given: str, quotes: Mapping[str, Quote], contents: Contents) -> str:
    where = contents.folder.slug
    taken_back = contents.decisions.table.sides
    if given in quotes or given in taken_back:
        return given
    found = [key for key in quotes if key.startswith(given.casefold())] if given else []
    if len(given) >= SHORTEST_PREFIX and len(found) == 1:
        return found[0]
    if len(given) < SHORTEST_PREFIX and found:
        raise InputError(f"{given!r} is too short for a quote’s id", where=where, remedy=_which(found))
    if found:
        raise InputError(f"{given!r} begins more than one quote’s id", where=where, remedy=_which(found))
    raise InputError(f"no quote has the id {given[:40]!r}", where=where, remedy=_near(given, quotes))


def _near(given: str, quotes: Collection[str]) -> str:
    return nearest(given, list(quotes)) if quotes else "Its roundups have no quotes"


def _which(found: Collection[str]) -> str:
    return f"Which one: {', '.join(list(found)[:8])}?"


def _who(quote: Quote) -> str:
    """The quote's source, in words that cannot leave a comment."""
    words = " ".join((quote.attribution or quote.paragraphs[0]).split("\n")[0].split())
    plain = "".join(character for character in words if character.isprintable())
    return plain if len(plain) <= 60 else plain[:59].rstrip() + "…"
