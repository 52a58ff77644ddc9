"""The root of the command line, and the one place where an error becomes an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from newsletter import __version__
from newsletter.cli import say
from newsletter.cli.newsroom import choose
from newsletter.errors import BlockedError, InputError, NewsletterError

REFUSED, BAD_INPUT, INTERRUPTED = 1, 2, 130

GROUPS = ("roundup", "issue", "list", "subscriber", "mailing")
COMMANDS = ("init", "send", "report", "run", "web", "worker", "inbox", "demo")
"""Each has a module of its own in this folder, under its name (`list` in `lists`), that offers `app` or a function `run`."""

_HELP = "A newsroom's daily newsletter: from the morning's roundup files to the report on who got it."


def main() -> None:
    """Run the command that the arguments name, and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A file name or a quote in any alphabet must come out whatever locale the shell has.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # both are text files
    code = 0
    try:
        command_line(sys.argv[1:])()
    except BlockedError as error:
        say.findings(error.findings)
        say.fault(error)
        code = REFUSED
    except NewsletterError as error:
        say.fault(error)
        code = BAD_INPUT
        _trace_if_asked()
    except KeyboardInterrupt:
        say.note("interrupted")
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read stdout has gone, as `| head` does. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = REFUSED
    sys.exit(code)


def command_line(arguments: list[str]) -> typer.Typer:
    """The command line with what `arguments` need of it.

    Only the module of the command that is called is loaded: rendering an issue must not wait for the database's library.
    Help, completion and mistyped words get all of them.
    """
    root = typer.Typer(
        name="newsletter",
        help=_HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    root.callback()(_options)
    called = _called(arguments)
    plain = called is not None and not any(name.endswith("_COMPLETE") for name in os.environ)
    for name in GROUPS:
        if not plain or name == called:
            root.add_typer(_module(name).app, name=name)
    for name in COMMANDS:
        if not plain or name == called:
            root.command(name=name)(_module(name).run)
    return root


def _called(arguments: list[str]) -> str | None:
    """The command's name among the arguments: the first word that is no option and no option's value."""
    words = iter(arguments)
    for word in words:
        if word in {"-C", "--newsroom"}:
            next(words, None)
        elif not word.startswith("-"):
            return word if word in (*GROUPS, *COMMANDS) else None
    return None


def _module(name: str) -> ModuleType:
    return import_module(f"newsletter.cli.{'lists' if name == 'list' else name}")


def _version(asked: bool) -> None:
    if asked:
        say.data_line(f"newsletter {__version__}")
        raise typer.Exit


def _options(
    newsroom: Annotated[
        Path | None,
        typer.Option("--newsroom", "-C", help="The newsroom's folder; without it, this folder or the nearest above."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    if newsroom is not None and not newsroom.is_dir():
        raise InputError("there is no such folder", where=str(newsroom), remedy="Name a newsroom's folder")
    choose(newsroom)


def _trace_if_asked() -> None:
    """The whole traceback, for whoever mends the program: NEWSLETTER_TRACEBACK=1."""
    if os.environ.get("NEWSLETTER_TRACEBACK"):
        sys.excepthook(*sys.exc_info())
