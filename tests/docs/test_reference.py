"""The reference is the code's: generated pages are up to date, and the others name everything there is."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from newsletter.alerts import KINDS
from newsletter.checks import RULES
from newsletter.issues.decisions import BlockTable, IssueTable
from newsletter.rendering import parts, slots
from newsletter.rendering.attribution import Attribution, Run
from newsletter.rendering.template_faults import CODES as TEMPLATE_CODES
from newsletter.roundups import Outlet, Outlets, decode, read

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "roundups" / "corpus"
MODULES = sorted((ROOT / "newsletter").rglob("*.py"))
CODE = re.compile(r"[A-Z]+(?:-[A-Z]+)+")
VARIABLE = re.compile(r"\bNEWSLETTER_[A-Z_]+[A-Z]\b")


def strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def reference(folder: Path, python: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [python, "scripts/reference_pages.py", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_generated_pages_are_up_to_date(python: str) -> None:
    answer = reference(ROOT, python, "--check")
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stdout + answer.stderr


def test_an_outdated_page_is_named(tmp_path: Path, python: str) -> None:
    for folder in ("scripts", "docs/reference"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    assert reference(tmp_path, python).returncode == 0
    page = tmp_path / "docs" / "reference" / "settings.md"
    page.write_text(page.read_text(encoding="utf-8").replace("postal_address", "address"), encoding="utf-8")
    answer = reference(tmp_path, python, "--check")
    assert answer.returncode == 1
    assert answer.stdout == "docs/reference/settings.md is out of date: run scripts/reference\n"


def test_every_command_and_option_says_what_it_does(reference_commands: ModuleType) -> None:
    commands: list[Any] = reference_commands.commands()
    assert len(commands) > 10
    silent = [command.name for command in commands if not (command.click.help or "").strip()]
    silent += [
        f"{command.name} {parameter.name}"
        for command in commands
        for parameter in command.click.params
        if not (parameter.help or "").strip()
    ]
    assert not silent


def test_help_holds_nothing_that_the_terminal_takes_for_markup(reference_commands: ModuleType) -> None:
    """`[sender]` would be left out by Rich, and leave half a sentence."""
    commands: list[Any] = reference_commands.commands()
    said = [(each.name, each.click.help or "") for each in commands]
    said += [(each.name, option.help or "") for each in commands for option in each.click.params]
    assert [(name, text) for name, text in said if re.search(r"\[[a-z]+\]", text)] == []


def test_every_group_of_commands_says_what_it_is_for(reference_commands: ModuleType) -> None:
    root = reference_commands.commands()[0].click
    groups = {name: click.help for name, click in root.commands.items() if hasattr(click, "commands")}
    assert groups
    assert all(groups.values())


def test_every_finding_code_is_documented(docs: Path) -> None:
    produced = {text for path in MODULES for text in strings(path) if CODE.fullmatch(text)}
    page = (docs / "reference" / "findings.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^### (\S+)$", page, re.MULTILINE))
    assert documented == RULES.keys() | TEMPLATE_CODES.keys()
    # Some codes are put together: a table of features names the end of each.
    whole = {code for known in documented for code in (known, *known.split("-", 1)[1:])}
    # Those of alerts have pages of their own in the runbook.
    assert not produced - whole - KINDS.keys()


def test_every_key_of_an_issue_is_documented(docs: Path) -> None:
    page = (docs / "reference" / "issue.md").read_text(encoding="utf-8")
    tables = {"sides", "links", "headings"}
    named = {name: f"`[{name}]`" if name in tables else f"`{name}`" for name in IssueTable.model_fields}
    named["blocks"] = "`[[blocks]]`"
    named |= {f"blocks.{name}": f"| `{name}` |" for name in BlockTable.model_fields}
    assert not [name for name, shown in named.items() if f"| {shown}" not in page and shown not in page]


def test_every_key_of_an_outlet_is_documented(docs: Path) -> None:
    page = (docs / "reference" / "outlets.md").read_text(encoding="utf-8")
    assert not [field.name for field in fields(Outlet) if f"| `{field.name}` |" not in page]


def test_every_key_of_a_parsed_roundup_is_documented(docs: Path) -> None:
    page = (docs / "reference" / "roundup-json.md").read_text(encoding="utf-8")
    keys = {key for path in CORPUS.glob("*.expected.json") for key in keys_of(parsed(path))}
    assert len(keys) > 15
    assert not [key for key in sorted(keys) if f"`{key}`" not in page]


def parsed(expected: Path) -> dict[str, Any]:
    text = expected.with_name(expected.name.replace(".expected.json", ".txt"))
    roundup = read(decode(text.read_bytes(), name=text.name), outlets=Outlets.load(ROOT / "outlets.toml"), name="x")
    data: dict[str, Any] = json.loads(json.dumps(roundup.as_dict()))
    return data


def keys_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        yield from (key for part in value.values() for key in keys_of(part))
    elif isinstance(value, list):
        yield from (key for part in value for key in keys_of(part))


@pytest.mark.parametrize(
    "noun", [parts.Layout, parts.Panel, parts.Pair, parts.QuoteView, parts.Extra, parts.SideView, Attribution, Run]
)
def test_everything_that_a_template_can_show_is_documented(noun: Any, docs: Path) -> None:
    page = (docs / "reference" / "templates.md").read_text(encoding="utf-8")
    properties = [name for name, value in vars(noun).items() if isinstance(value, property)]
    names = {*(field.name for field in fields(noun)), *properties} - {"panels"}
    assert not [name for name in sorted(names) if f"`{name}`" not in page]


def test_every_slot_is_documented(docs: Path) -> None:
    page = (docs / "reference" / "templates.md").read_text(encoding="utf-8")
    assert not [
        name for name in (*slots.NAMES, "view_url", "preferences_url", "leave_url") if f"`slots.{name}`" not in page
    ]


def test_every_environment_variable_is_documented(docs: Path) -> None:
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file()]
    texts = [path.read_text(encoding="utf-8") for path in (*MODULES, *scripts, ROOT / "tests" / "conftest.py")]
    read = {name for text in texts for name in VARIABLE.findall(text)}
    page = (docs / "reference" / "environment.md").read_text(encoding="utf-8")
    assert read - set(VARIABLE.findall(page)) == set()


def test_every_word_of_the_glossary_is_in_order(docs: Path) -> None:
    words = re.findall(r"^\*\*(.+?)\*\*", (docs / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert words == sorted(set(words))
