"""What every command owes scripts and readers: help, JSON, exit codes, plain text in any locale."""

import json
import re
from itertools import chain

import pytest
import typer
from typer.testing import CliRunner

from newsletter.cli.main import command_line
from newsletter.rehearsal.inbox import Inbox
from newsletter.settings import defaults

FERRY = next((defaults() / "issues").glob("*-ferry-*")).name
ROUNDUP = f"issues/{FERRY}/roundup.txt"
ROOT = typer.main.get_command(command_line([]))


def commands(group=ROOT, words=()):
    """Every command with the words that call it, groups too."""
    yield words, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*words, name))


COMMANDS = dict(commands())


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(("newsletter", *words)))
def test_every_command_explains_itself_and_every_option(words):
    command = COMMANDS[words]
    assert command.help
    for parameter in command.params:
        assert parameter.help, parameter.name
        assert parameter.name != "password", "no secret is a flag"


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(("newsletter", *words)))
def test_every_command_helps(words):
    answer = CliRunner().invoke(command_line([]), [*words, "--help"])
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert " ".join(("", *words, "")) in answer.stdout


def test_help_needs_no_newsroom(nowhere):
    for asked in ("--help", "-h"):
        answer = nowhere.run("issue", asked)
        assert (answer.code, answer.err) == (0, "")
        assert "Usage: newsletter issue" in answer.out
        assert "\x1b" not in answer.out


def test_the_version_is_told(nowhere):
    assert re.fullmatch(r"newsletter \d+\.\d+\.\d+\S*\n", nowhere.run("--version").out)


@pytest.mark.parametrize(
    "words",
    [("isue",), ("issue", "shw"), ("--nope",), ("send",), ("send", FERRY), ("report", "x"), ("report", "9" * 40)],
    ids=" ".join,
)
def test_bad_usage_is_told_on_stderr_with_2(newsroom, words):
    answer = newsroom.run(*words)
    assert (answer.code, answer.out) == (2, "")
    assert "--help" in answer.err or "-h" in answer.err
    assert answer.err.count("Error") == 1


ANSWERS = [
    (("roundup", "parse", ROUNDUP), {"title", "date", "sections", "furniture", "findings"}),
    (("issue", "show", FERRY), {"slug", "title", "sections", "findings"}),
    (("issue", "side", FERRY, "--suggested"), {"slug", "decided", "undecided"}),
    (("issue", "render", FERRY, "--out", "out"), {"slug", "edition", "files"}),
    (("issue", "new", ROUNDUP, "--title", "Again"), {"slug", "folder", "sections"}),
    (("init", "another"), {"newsroom", "files"}),
    (
        ("subscriber", "add", "dee@reader.example", "--list", "daily", "--confirmed", "--consent", "c"),
        {"subscriber", "changed", "asked"},
    ),
    (("subscriber", "add", "eve@reader.example", "--list", "daily"), {"subscriber", "changed", "asked"}),
    (("subscriber", "show", "ann@reader.example"), {"address", "name", "subscriptions"}),
    (("send", FERRY, "--list", "daily", "--dry-run"), {"edition", "selected", "prepared", "dry_run"}),
]


@pytest.mark.parametrize(("words", "keys"), ANSWERS, ids=[" ".join(words[:2]) + words[-1] for words, _ in ANSWERS])
def test_json_stands_on_stdout_alone(with_readers, words, keys):
    answer = with_readers.run(*words, "--json")
    assert answer.code == 0, answer
    assert keys <= set(json.loads(answer.out))
    assert "\x1b" not in answer.out + answer.err


def test_a_dry_run_and_a_send_without_yes_send_nothing(with_readers):
    with Inbox(port=0) as inbox:
        with_readers.change("newsletter.toml", "port = 2525", f"port = {inbox.port}")
        told = with_readers.run("send", FERRY, "--list", "daily", "--dry-run")
        assert told.code == 0
        assert "goes to 3 of 3 on daily" in told.out
        assert told.err == "Nothing was sent.\n"
        with_readers.run("send", FERRY, "--list", "daily").refuses("nobody is there to be asked", "--yes")
        with_readers.run("report", "1").refuses("there is no mailing 1")
        assert inbox.mailbox.count() == 0


def test_findings_block_a_send_with_1_and_nothing_else(with_readers):
    new = with_readers.run("issue", "new", ROUNDUP, "--title", "Undecided", "--date", "2026-12-01")
    slug = "2026-12-01-undecided"
    assert (new.code, new.out) == (0, f"{slug}\n")
    assert new.err.count("[SIDE-UNDECIDED]") == 6
    shown = with_readers.run("issue", "show", slug)
    assert shown.code == 0
    rendered = with_readers.run("issue", "render", slug, "--out", "out")
    assert rendered.code == 0
    assert rendered.err.count("[SIDE-UNDECIDED]") == 6
    refused = with_readers.run("send", slug, "--list", "daily", "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert "[SIDE-UNDECIDED]" in refused.err
    dry = with_readers.run("send", slug, "--list", "daily", "--dry-run")
    assert (dry.code, dry.out) == (1, "")
    with_readers.run("report", "1").refuses("there is no mailing 1")


def test_a_list_without_readers_and_a_missing_postal_address_block(newsroom):
    empty = newsroom.run("send", FERRY, "--list", "daily", "--yes")
    assert (empty.code, empty.out) == (1, "")
    newsroom.change("newsletter.toml", 'postal_address = "', 'postal_address = "" # "')
    lawless = newsroom.run("send", FERRY, "--list", "daily", "--yes")
    assert (lawless.code, lawless.out) == (1, "")
    assert "postal_address" in lawless.err


LOCALES = (
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "xx_YY.nothing", "PYTHONIOENCODING": "ascii"},
    {"LANG": "tr_TR.UTF-8", "TZ": "Pacific/Apia", "COLUMNS": "1", "TERM": "dumb"},
)


def test_no_locale_changes_the_words(newsroom):
    usual = newsroom.run("issue", "show", FERRY)
    assert usual.code == 0
    assert "—" in usual.out
    assert "\x1b" not in "".join(chain(usual.out, usual.err))
    for environ in LOCALES:
        answer = newsroom.run("issue", "show", FERRY, environ=environ)
        assert (answer.out, answer.err) == (usual.out, usual.err), environ
