"""The text of a new `issue.toml`: what composing decides, and a word on each thing that editors can. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import tomlkit

from newsletter.issues.dates import in_words
from newsletter.issues.model import BlockKind
from newsletter.settings import Settings

_KINDS = ", ".join(kind.value for kind in BlockKind)


def fresh_issue_toml(
    settings: Settings,
    *,
    day: date,
    doubt: str | None,
    title: str | None,
    own_title: str,
    roundups: Sequence[str],
    author: str | None = None,
) -> str:
    """A commented `issue.toml`.

    Args:
        settings: the newsroom's, for the names of sides and lists.
        day: the issue's date.
        doubt: why the date may be wrong, or None.
        title: a title that was asked for; None leaves the roundup's own.
        own_title: the roundup's title, shown as the default; "" where it has none.
        roundups: the names of the roundup files, in order.
        author: who composes it; None where nobody is known.
    """
    default_title = _comment(own_title) or "the newsroom’s name and the date, with a warning"
    title_line = f"title = {_text(title)}" if title else '# title = "…"'
    guess = f", a guess ({_comment(doubt)}): please check" if doubt else ""
    names = "".join(f"  {_text(name)},\n" for name in roundups)
    lists = ", ".join(_text(name) for name in list(settings.lists)[:1])
    author_line = f"author = {_text(author)}" if author else '# author = "…"'
    return f"""\
# The editors' decisions on this issue, and nothing else: its words stand in the roundup files beside it.
# What is left out, or has a # before it, takes the default that its comment names.

# What readers see at the head of the e-mail. Default: {default_title}
{title_line}

# The day of the issue: {in_words(day)}{guess}.
date = {day.isoformat()}

# The line in the inbox, 10 to 78 characters. Default: the title.
# subject = "…"

# The words beside it in the inbox, up to 110 characters. Default: the first words of
# the introduction, or the first stance line.
# preheader = "…"

# The template: a folder under templates/email. Default: daily.
# template = "daily"

# The lists that this issue is for. Default: [{_comment(lists)}]
# lists = [{_comment(lists)}]

# Who composed it. Where newsletter.toml says by_author = false, this user's approval does not count.
{author_line}

# The roundup files, in the order in which they are shown.
roundups = [
{names}]

# Quotes that come first within their section, in this order, by id (`newsletter issue show` lists the ids).
order = []

# Quotes that are left out, by id.
leave_out = []

# The side of each quote that stands under no side's heading: id = "side".
# The sides are: {_comment(", ".join(settings.sides))}.
# `newsletter issue side` asks for them one by one.
[sides]

# Where the outlet's name leads: id = "https://…"
[links]

# Headings shown otherwise than they stand in the file: "as in the file" = "as shown"
[headings]

# Extras of your own, as many as you like. Kinds: {_KINDS}.
# [[blocks]]
# kind = "note"
# heading = "A note from the editors"
# text = "One paragraph, or several with an empty line between."
# link = "https://…"
# link_text = "Read on"
"""


def _text(value: str) -> str:
    return tomlkit.string(value).as_string()


def _comment(words: str) -> str:
    """Words that cannot leave their comment: one line, nothing that TOML forbids there."""
    return "".join(character for character in " ".join(words.split()) if character.isprintable())
