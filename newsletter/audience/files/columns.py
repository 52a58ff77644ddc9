"""What the columns of a file of people mean: by their headings, by what is in them, or because a person says so. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from newsletter.audience.addresses import is_plain
from newsletter.audience.files.headings import Meaning, letters, meaning_of
from newsletter.audience.labels import clean_attribute_name
from newsletter.errors import InputError
from newsletter.settings import nearest

PREFIX = "attribute:"
"""Begins the heading of a column that holds one attribute, in our exports and in what people map."""
REST = "*"
"""Stands for all columns that nothing else is said of."""
MOST_ATTRIBUTES = 200
"""Columns. More attributes than that nobody can tell apart, and each would be a row for each reader."""

Mapped = Mapping[str, str]
"""What people say of columns: a heading, `column 3` or `*`, and what it means."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Where in a row each meaning is found, and each attribute by its name; places are counted from 0."""

    places: Mapping[Meaning, int]
    attributes: Mapping[str, int] = field(default_factory=dict)

    def __getitem__(self, meaning: Meaning) -> int | None:
        """The place of a meaning; None where the file does not have it."""
        return self.places.get(meaning)

    @property
    def address(self) -> int:
        """The place of the addresses: every file has them."""
        return self.places[Meaning.ADDRESS]

    def meanings(self) -> dict[int, str]:
        """What stands at each place that means something, as `mapped` would say it."""
        named = {place: meaning.value for meaning, place in self.places.items()}
        return named | {place: f"{PREFIX}{name}" for name, place in self.attributes.items()}


def parse_mapped(lines: Sequence[str]) -> dict[str, str]:
    """`HEADING=MEANING` lines as headings and meanings.

    Raises:
        InputError: a line has no `=`, an unknown meaning, or repeats a heading.
    """
    mapped: dict[str, str] = {}
    for line in lines:
        heading, equals, meaning = line.rpartition("=")
        heading, meaning = heading.strip(), meaning.strip()
        if not equals or not heading:
            raise InputError(
                f"{line[:60]!r} maps no column", remedy="Write it as HEADING=MEANING, such as E-Mail=address"
            )
        if heading in mapped:
            raise InputError(f"{heading!r} is mapped twice", remedy="Keep one of them")
        mapped[heading] = _checked(heading, meaning)
    return mapped


def _checked(heading: str, meaning: str) -> str:
    if meaning.startswith(PREFIX):
        return PREFIX + clean_attribute_name(meaning.removeprefix(PREFIX))
    if meaning not in set(Meaning):
        raise InputError(f"no column can mean {meaning[:40]!r}", remedy=nearest(meaning, [*Meaning, f"{PREFIX}NAME"]))
    if heading == REST and meaning not in {Meaning.ATTRIBUTE, Meaning.IGNORE}:
        raise InputError(
            f"{REST} stands for many columns, and only one can be the {meaning}", remedy=f"Write {REST}=attribute"
        )
    return meaning


def find_columns(
    rows: Sequence[Sequence[str]], mapped: Mapped | None = None, *, titled: bool = False
) -> tuple[Columns, bool]:
    """The columns of a file that begins with `rows` (one or more), and whether the first of them is a heading.

    A first row with an address in it is data: that column holds the addresses, and where there are just two columns the
    other one holds the names. A longer row without headings gives addresses only, for more would be guessing. In a file
    of one or two columns a first row that is neither heading nor address is data too, and will be rejected as such.

    Args:
        rows: the first rows.
        mapped: what a person says of columns; it goes before everything else.
        titled: the first row is a heading, whatever is in it (JSON has its keys).

    Raises:
        InputError: no column holds addresses, two might, or what is mapped is not there.
    """
    first, mapped = rows[0], mapped or {}
    holding = [] if titled else [place for place, cell in enumerate(first) if is_plain(cell)]
    if holding:
        return _untitled(holding[0], len(first), mapped), False
    columns = _titled(first, mapped)
    if columns is not None:
        return columns, True
    width = max(map(len, rows))
    place = None if titled else _address_place(rows[1:], width)
    if place is None or width > 2 or any(_titled(row, {}) for row in rows[1:]):
        shown = ", ".join(repr(heading[:30]) for heading in first[:8]) + (", …" if len(first) > 8 else "")
        raise InputError(
            f"no column holds addresses; the first row has {shown}",
            remedy="Say which with --map HEADING=address, or remove what stands above the first address",
        )
    return _untitled(place, width, mapped), False


def _untitled(place: int, width: int, mapped: Mapped) -> Columns:
    headings = [f"column {number + 1}" for number in range(width)]
    said = _said(headings, mapped)
    guessed = {Meaning.ADDRESS: place} | ({Meaning.NAME: 1 - place} if width == 2 else {})
    return _columns(headings, said, guessed)


def _address_place(rows: Sequence[Sequence[str]], width: int) -> int | None:
    """The column in which at least half of `rows` have an address."""
    counts = [sum(place < len(row) and is_plain(row[place]) for row in rows) for place in range(min(width, 2))]
    best = max(range(len(counts)), key=counts.__getitem__)
    return best if counts[best] and 2 * counts[best] >= len(rows) else None


def _titled(row: Sequence[str], mapped: Mapped) -> Columns | None:
    """The columns under a heading; None where none of them is the addresses'."""
    said = _said(row, mapped)
    columns = _columns(row, said, _recognised(row, said))
    return columns if Meaning.ADDRESS in columns.places else None


def _said(headings: Sequence[str], mapped: Mapped) -> dict[int, str]:
    return {_place_of(heading, headings): meaning for heading, meaning in mapped.items() if heading != REST} | (
        {-1: mapped[REST]} if REST in mapped else {}
    )


def _place_of(heading: str, headings: Sequence[str]) -> int:
    """Where a person means: the very heading, else one with the same letters, else `column N`."""
    same = [place for place, known in enumerate(headings) if known.strip() == heading]
    same = same or [place for place, known in enumerate(headings) if letters(known) == letters(heading) != ""]
    if len(same) == 1:
        return same[0]
    number = heading.removeprefix("column ")
    if not same and number.isdecimal() and 1 <= int(number) <= len(headings):
        return int(number) - 1
    if same:
        raise InputError(
            f"{len(same)} columns are called {heading!r}",
            remedy=f"Name it by its number, such as --map 'column {same[0] + 1}=address'",
        )
    shown = [known.strip()[:40] for known in headings[:40]]
    raise InputError(f"no column is called {heading[:40]!r}", remedy=nearest(heading, shown))


def _recognised(row: Sequence[str], said: Mapping[int, str]) -> dict[Meaning, int]:
    """What the headings mean by themselves, without those that a person has spoken of."""
    found: dict[Meaning, list[tuple[int, int]]] = {}
    for place, heading in enumerate(row):
        known = None if place in said else meaning_of(heading)
        if known is not None and known[0] not in said.values():
            found.setdefault(known[0], []).append((known[1], place))
    places = {meaning: _best(row, meaning, candidates) for meaning, candidates in found.items()}
    if Meaning.ADDRESS not in said.values():
        places |= _unusual_address(row, places)
    return places


def _best(row: Sequence[str], meaning: Meaning, candidates: list[tuple[int, int]]) -> int:
    """The place of the surest of those headings; each candidate is a rank and a place."""
    (rank, place), *others = sorted(candidates)
    if others and others[0][0] == rank:
        raise InputError(
            f"two columns are called {row[place].strip()[:40]!r}",
            remedy=f"Say which one counts: --map 'column {place + 1}={meaning}'",
        )
    return place


def _unusual_address(row: Sequence[str], places: Mapping[Meaning, int]) -> dict[Meaning, int]:
    """`Your e-mail (required)` is one; of `Address` and `Work email` the second is not the postal one."""
    sure = places.get(Meaning.ADDRESS)
    if sure is not None and letters(row[sure]) not in {"address", "adresse"}:
        return {}
    likely = [place for place, heading in enumerate(row) if "email" in letters(heading)]
    likely = [place for place in likely if place not in places.values()]
    return {Meaning.ADDRESS: likely[0]} if len(likely) == 1 else {}


def _columns(headings: Sequence[str], said: Mapping[int, str], guessed: Mapping[Meaning, int]) -> Columns:
    places = {meaning: place for meaning, place in guessed.items() if place not in said}
    attributes: dict[str, int] = {}
    rest = said.get(-1)
    for place, heading in enumerate(headings):
        meaning = said.get(place) or _of_its_own(heading, place in guessed.values(), rest)
        if meaning is None or meaning == Meaning.IGNORE:
            continue
        if meaning == Meaning.ATTRIBUTE or meaning.startswith(PREFIX):
            _add(attributes, heading if meaning == Meaning.ATTRIBUTE else meaning.removeprefix(PREFIX), place)
        else:
            _refuse_second(places, Meaning(meaning))
            places[Meaning(meaning)] = place
    return Columns(places=places, attributes=attributes)


def _of_its_own(heading: str, guessed: bool, rest: str | None) -> str | None:
    if guessed:
        return None
    title = heading.strip()
    if title.startswith(PREFIX):
        return PREFIX + clean_attribute_name(title.removeprefix(PREFIX))
    return rest if title else None


def _add(attributes: dict[str, int], heading: str, place: int) -> None:
    name = clean_attribute_name(heading)
    if name in attributes:
        raise InputError(
            f"two columns are the attribute {name!r}",
            remedy=f"Give one another name: --map 'column {place + 1}=ignore'",
        )
    if len(attributes) >= MOST_ATTRIBUTES:
        raise InputError(f"more than {MOST_ATTRIBUTES} columns are attributes", remedy="Map the ones that you need")
    attributes[name] = place


def _refuse_second(places: Mapping[Meaning, int], meaning: Meaning) -> None:
    if meaning in places:
        raise InputError(f"two columns are mapped to {meaning.value!r}", remedy="Keep one of them")
