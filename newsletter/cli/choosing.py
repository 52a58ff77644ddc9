"""Deciding sides at the terminal: one key a quote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import typer
from rich.markup import escape

from newsletter.cli import say
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
    choices: dict[str, str | None] = {}
    for position, quote in enumerate(quotes):
        _show(quote, position + 1, len(quotes))
        pressed = _pressed(keys, quote)
        if pressed == _QUIT:
            break
        if pressed == _SKIP:
            continue
        side = keys[pressed.casefold()] if pressed not in _TAKE else _suggested(quote)
        below = quotes[position:] if pressed.isupper() else [quote]
        choices |= dict.fromkeys((one.id for one in below), side)
        say.note(f"  {side}" + (" for this and all below" if pressed.isupper() else ""))
        if pressed.isupper():
            break
    return choices


def _legend(keys: Mapping[str, str]) -> str:
    named = "  ".join(f"[bold]{key}[/] {escape(side)}" for key, side in keys.items())
    return (
        f"{named}  [bold]Enter[/] as suggested  [bold]space[/] later  [bold]q[/] stop  (a capital: this and all below)"
    )


def _show(quote: Quote, number: int, total: int) -> None:
    console = say.errors()
    text = "\n".join(quote.paragraphs)
    console.print(
        f"\n[bold]{number} of {total}[/]  {escape(quote.attribution or 'no attribution')}  [dim]{quote.file}:{quote.lines[0]}[/]"
    )
    console.print(escape(text if len(text) <= _SHOWN else text[:_SHOWN].rstrip() + " …"))
    if quote.suggestion:
        console.print(f"[dim]{quote.suggestion.lean}? {escape(quote.suggestion.reason)}[/]")


def _pressed(keys: Mapping[str, str], quote: Quote) -> str:
    while True:
        pressed = typer.getchar()
        if pressed in {"\x03", "\x04"}:
            raise KeyboardInterrupt
        if pressed.casefold() in keys or pressed in {_SKIP, _QUIT}:
            return pressed
        if pressed in _TAKE and quote.suggestion:
            return pressed
        say.errors().print(_legend(keys))


def _suggested(quote: Quote) -> str | None:
    return quote.suggestion.lean.value if quote.suggestion else None
