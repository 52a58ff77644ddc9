"""The root of the command line, and the one place where an error becomes an exit code."""

from __future__ import annotations

import errno
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

REFUSED, BAD_INPUT, OUR_FAULT, INTERRUPTED = 1, 2, 70, 130
"""70 is EX_SOFTWARE of sysexits(3): a fault of the program, which no script may take for a refusal."""

GROUPS = (
    "roundup",
    "issue",
    "list",
    "segment",
    "subscriber",
    "user",
    "mailing",
    "schedule",
    "alert",
    "check",
    "template",
    "db",
)
COMMANDS = ("init", "send", "report", "run", "web", "scheduler", "worker", "inbox", "demo", "doctor")
"""Each has a module of its own in this folder, under its name (see `_MODULES`), that offers `app` or a function `run`."""

_MODULES = {"check": "checking", "list": "lists", "template": "templates", "user": "users"}

_HELP = "A newsroom's daily newsletter: from the morning's roundup files to the report on who got it."


def main() -> None:
    """Run the command that the arguments name, and end the process with its exit code."""
    _prepare_streams()
    code = 0
    try:
        _run()
    except BlockedError as error:
        say.refusal(error)
        code = REFUSED
    except NewsletterError as error:
        say.fault(error)
        code = BAD_INPUT
        _trace_if_asked()
    except KeyboardInterrupt:
        say.note("interrupted")
        code = INTERRUPTED
    except OSError as error:
        code = _refused_by_the_system(error)
    except Exception as error:  # noqa: BLE001 - the last stop: a traceback helps who mends the program, and nobody else
        say.fault(_our_fault(error))
        code = OUR_FAULT
        _trace_if_asked()
    sys.exit(code)


def _run() -> None:
    try:
        command_line(sys.argv[1:])()
    finally:
        # Here, where a full disk can still be told; at exit Python would only complain.
        sys.stdout.flush()


def _prepare_streams() -> None:
    """Make stdout and stderr take any text: names and quotes must come out whatever locale the shell has."""
    # None where the shell has closed them, as `>&-` does.
    sys.stdin = sys.stdin or Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - open as long as the process is
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # both are text files


def _refused_by_the_system(error: OSError) -> int:
    """Say what the system would not do, where nobody nearer to it did; gives the exit code."""
    # What still waits for stdout would be tried again at exit, and Python would complain once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):  # whoever read stdout has gone, as `| head` does
        return REFUSED
    file = error.filename2 or error.filename
    where = str(file) if file else "stdout" if error.errno == errno.ENOSPC else ""
    remedy = "See that it is there, that you may use it, and that its disk has room"
    say.fault(InputError(error.strerror or str(error), where=where, remedy=remedy))
    _trace_if_asked()
    return BAD_INPUT


def _our_fault(error: Exception) -> NewsletterError:
    return NewsletterError(
        f"a fault of the program: {type(error).__name__}: {error}",
        remedy="Please report it, with what NEWSLETTER_TRACEBACK=1 shows",
    )


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
    only_version = arguments == ["--version"]
    plain = (called is not None or only_version) and not any(name.endswith("_COMPLETE") for name in os.environ)
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
    return import_module(f"newsletter.cli.{_MODULES.get(name, name)}")


def _version(asked: bool) -> None:
    if asked:
        say.data_line(f"newsletter {__version__}")
        raise typer.Exit


def _options(
    newsroom: Annotated[
        Path | None,
        typer.Option(
            "--newsroom",
            "-C",
            help="The newsroom's folder; without it, this folder or the nearest above.",
            readable=False,
        ),
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
