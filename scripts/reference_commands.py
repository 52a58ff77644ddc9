"""The page on the command line, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from newsletter.cli.main import command_line

HEAD = """\
# Command line

`newsletter` works on the newsroom in the present folder, or the nearest one above it that has a `newsletter.toml`;
`newsletter -C FOLDER …` names another. Data goes to stdout; notes, findings, questions and faults go to stderr.
Colours and progress bars appear on a terminal only, and no colours where `NO_COLOR` is set.
How a command ends is said by its [exit code](exit-codes.md).

Every command takes `--help` (`-h`).
"""
VALUES = {int: "NUMBER", float: "NUMBER", Path: "PATH", str: "TEXT"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command with its whole name. `click` is what Typer made of it."""

    name: str
    click: Any

    @property
    def arguments(self) -> list[Any]:
        """What is given by place."""
        return [parameter for parameter in self.click.params if parameter.param_type_name == "argument"]

    @property
    def options(self) -> list[Any]:
        """What is given by name."""
        return [parameter for parameter in self.click.params if parameter.param_type_name == "option"]


def page() -> str:
    """The page as Markdown."""
    root, *found = commands()
    shown = [
        f"- [`{command.name}`](#{anchor(command.name)}): {first_sentence(command.click.help)}" for command in found
    ]
    parts = [HEAD, "\n".join(shown), "## Before the command", "\n".join(_table("option", options(root)))]
    for command in found:
        parts += [f"## {command.name}", command.click.help.strip(), f"```\n{usage(command)}\n```"]
        if command.arguments:
            rows = [(f"`{_place(argument)}`", _help(argument)) for argument in command.arguments]
            parts.append("\n".join(_table("argument", rows)))
        parts.append("\n".join(_table("option", options(command))))
    return "\n\n".join(part.strip() for part in parts if part.strip())


def commands() -> list[Command]:
    """The root, then every command that does something, in the order in which the program lists them."""
    root = Command(name="newsletter", click=typer.main.get_command(command_line([])))
    return [root, *_below(root)]


def _below(parent: Command) -> Iterator[Command]:
    for name, click in parent.click.commands.items():
        command = Command(name=f"{parent.name} {name}", click=click)
        if hasattr(click, "commands"):
            yield from _below(command)
        else:
            yield command


def usage(command: Command) -> str:
    """The command in one line, what may be left out in brackets."""
    words = [command.name, *(_place(argument) for argument in command.arguments)]
    for option in command.options:
        shown = " ".join(part for part in (option.opts[0], _value(option)) if part)
        words.append(shown if option.required else f"[{shown}]" + ("..." if option.multiple else ""))
    return " ".join(words)


def options(command: Command) -> list[tuple[str, str]]:
    """Each option with its value's name, and what it does."""
    found = []
    for option in command.options:
        names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
        value = _value(option)
        found.append((f"{names} `{value}`" if value else names, _help(option)))
    return found


def anchor(heading: str) -> str:
    """The fragment that a heading can be reached by."""
    return heading.replace(" ", "-")


def first_sentence(text: str) -> str:
    """The text up to its first full stop, without it."""
    return text.strip().partition(". ")[0].rstrip(".")


def _place(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _value(option: Any) -> str:
    """The word for the option's value; "" where it takes none."""
    kind = option.type_descriptor.annotation
    return "" if kind is bool else str(option.metavar or VALUES.get(kind, "TEXT"))


def _help(parameter: Any) -> str:
    text = str(parameter.help or "").strip()
    if parameter.required:
        return f"{text} Required."
    # What is False, None or empty by default needs no word; a flag that is on by default says so itself.
    default = parameter.default
    shown = default is not None and not isinstance(default, bool) and str(default) != ""
    return f"{text} Default: {default}." if shown else text


def _table(title: str, rows: list[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    cells = [f"| {name} | {text.replace('|', chr(92) + '|')} |" for name, text in rows]
    return [f"| {title} | meaning |", "| --- | --- |", *cells]
