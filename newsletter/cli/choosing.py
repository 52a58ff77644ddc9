"""Deciding sides at the terminal: one key a quote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from newsletter.cli import say
from newsletter.cli.keyboard import pressed_keys
from newsletter.errors import InputError
from newsletter.issues import Quote
from newsletter.settings import Side

_SHOWN = 600
_SKIP, _QUIT, _TAKE = " ", "q", "\r\n"


def parsed_choices(given: Sequence[str]) -> dict[str, str | None]:
    """`ID=SIDE` options as choices; an empty side takes the decision back.

    Raises:
        InputError: one of them has no `=`.
    """
    choices: dict[str, str | None] = {}
    for option in given:
        quote, equals, side = option.partition("=")
        if not equals or not quote.strip():
            raise InputError(f"{option!r} is no choice", where="--set", remedy="Write ID=SIDE, such as --set 5f0c=left")
        choices[quote.strip()] = side.strip() or None
    return choices


def suggested_choices(quotes: Sequence[Quote]) -> dict[str, str | None]:
    """Every suggestion taken as the decision."""
    return {quote.id: quote.suggestion.lean.value for quote in quotes if quote.suggestion}


def source_of(quote: Quote) -> str:
    """Whose words the quote is, in one line."""
    return quote.attribution.replace("\n", " · ") or "no attribution"


def keys_of(sides: Mapping[str, Side]) -> dict[str, str]:
    """One key for each side: the first letter of its name that is still free, digits where none is."""
    keys: dict[str, str] = {}
    for number, side in enumerate(sides, start=1):
        letter = next((c for c in side.casefold() if c.isalpha() and c not in keys and c != _QUIT), str(number))
        keys[letter] = side
    return keys


def ask_sides(quotes: Sequence[Quote], sides: Mapping[str, Side]) -> dict[str, str | None]:
    """Ask for each quote's side, one key each; a capital letter decides this quote and all below.

    Raises:
        InputError: there is somebody to decide but no terminal to ask at.
    """
    if not quotes:
        return {}
    if not say.on_terminal():
        raise InputError(
            f"{len(quotes)} quotes wait for a side, and there is no terminal to ask at",
            where="stdin",
            remedy="Use --set ID=SIDE, or --suggested",
        )
    keys = keys_of(sides)
    say.errors().print(_legend(keys))
    with pressed_keys() as pressed:
        return _answers(quotes, keys, pressed)


def _answers(quotes: Sequence[Quote], keys: Mapping[str, str], pressed: Iterator[str]) -> dict[str, str | None]:
    choices: dict[str, str | None] = {}
    for position, quote in enumerate(quotes):
        _show(quote, position + 1, len(quotes))
        key = _usable(pressed, keys, quote)
        if key == _QUIT:
            break
        if key == _SKIP:
            continue
        side = keys[key.casefold()] if key not in _TAKE else _suggested(quote)
        below = quotes[position:] if key.isupper() else [quote]
        choices |= dict.fromkeys((one.id for one in below), side)
        say.note(f"  {side}" + (" for this and all below" if key.isupper() else ""))
        if key.isupper():
            break
    return choices


def _legend(keys: Mapping[str, str]) -> str:
    named = "  ".join(f"[bold]{key}[/] {say.shown(side)}" for key, side in keys.items())
    return (
        f"{named}  [bold]Enter[/] as suggested  [bold]space[/] later  [bold]q[/] stop  (a capital: this and all below)"
    )


def _show(quote: Quote, number: int, total: int) -> None:
    console = say.errors()
    text = "\n".join(quote.paragraphs)
    shortened = text if len(text) <= _SHOWN else text[:_SHOWN].rstrip() + " …"
    place = say.shown(f"{quote.file}:{quote.lines[0]}")
    console.print(f"\n[bold]{number} of {total}[/]  {say.shown(source_of(quote))}  [dim]{place}[/]")
    console.print("\n".join(map(say.shown, shortened.split("\n"))))
    if quote.suggestion:
        console.print(f"[dim]{quote.suggestion.lean}? {say.shown(quote.suggestion.reason)}[/]")


def _usable(pressed: Iterator[str], keys: Mapping[str, str], quote: Quote) -> str:
    """The next key that means something here."""
    for key in pressed:
        if key.casefold() in keys or key in {_SKIP, _QUIT} or (key in _TAKE and quote.suggestion):
            return key
        say.errors().print(_legend(keys))
    return _QUIT


def _suggested(quote: Quote) -> str | None:
    return quote.suggestion.lean.value if quote.suggestion else None
