"""Programs that know nothing of ours judge what we render."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newsletter.rendering.mjml_check import mjml_faults
from newsletter.rendering.template_folder import TemplateFolder

ROOT = Path(__file__).parents[2]
Verdicts = dict[str, dict[str, list[str]]]

# What MJML writes into every e-mail for the programs that understand it, and what is meant to be lost elsewhere.
TOLERATED = {
    "<bdi> element": "where it is dropped its text stays",
    "<body> element": "Yahoo and Outlook turn it into a div: MJML's outermost div carries ground, language and direction",
    "<style> element": "everything that must hold is inlined",
    ":hover": "an ornament",
    "@media": "columns stack and the light colours stay",
    "aria-label attribute": "MJML's, on its outermost div",
    "role attribute": "MJML's, on layout tables",
    "target attribute": "MJML's, on the button",
    "Attribute selector": "[data-ogsc] is for Outlook.com only",
    "Chaining selectors": "in the style element only",
    "Child combinator": "in the style element only",
    "Class selector": "in the style element only",
    "Descendant combinator": "in the style element only",
    "ID selector": "MJML's #outlook rule",
    "Type selector": "in the style element only",
    "color-scheme CSS property": "where it is unknown, so is dark mode by media query",
    "color-scheme meta tag": "the same",
    "border-radius": "MJML's, of 0",
    "cursor": "MJML's, on the button",
    "height property": "MJML's, on the style element's image rule",
    "outline": "MJML's, on the style element's image rule",
    "word-break": "MJML's, on its cells",
    "word-spacing": "MJML's, on its body rule",
    "display:none": "the preheader's, which has other ways to hide",
    "max-height property": "the preheader's",
    "opacity": "the preheader's",
    "overflow": "the preheader's",
}


def test_html_validate_has_no_errors(verdicts: Verdicts) -> None:
    assert {name: found["html"] for name, found in verdicts.items() if found["html"]} == {}


def test_the_reference_package_accepts_the_mjml_under_strict_validation(verdicts: Verdicts) -> None:
    assert {name: found["mjml"] for name, found in verdicts.items() if found["mjml"]} == {}


def test_what_mail_programs_lack_is_only_what_may_be_lost(verdicts: Verdicts) -> None:
    complaints = {line for found in verdicts.values() for line in found["clients"]}
    assert {line for line in complaints if line.split(": ", 1)[1] not in TOLERATED} == set()


def test_the_table_of_what_mjml_allows_is_the_reference_packages_own(node: Path) -> None:
    ran = subprocess.run(
        [node, ROOT / "scripts" / "mjml_rules.mjs", ROOT, "--check"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


PAGE = (
    '<mjml lang="en" dir="ltr"><mj-head><mj-title>a</mj-title>{head}</mj-head><mj-body><mj-section><mj-column>'
    "{column}</mj-column></mj-section>{body}</mj-body></mjml>"
)
REFUSED = [
    {"column": "<mj-txt>a</mj-txt>"},
    {"column": '<mj-text colour="#ffffff">a</mj-text>'},
    {"column": '<mj-text color="blau">a</mj-text>'},
    {"column": '<mj-text font-size="16">a</mj-text>'},
    {"column": '<mj-text align="centre">a</mj-text>'},
    {"column": "<mj-section></mj-section>"},
    {"body": "<mj-text>a</mj-text>"},
    {"body": '<mj-section direction="up"></mj-section>'},
    {"head": "<mj-text>a</mj-text>"},
    {"column": '<mj-image padding="1px 2px 3px 4px 5px" alt="" src="https://a.example/a.png" width="9px" />'},
]


def test_the_reference_package_and_we_refuse_the_same(refusals: Callable[[list[str]], list[list[str]]]) -> None:
    documents = [PAGE.format_map({"head": "", "column": "", "body": "", **fault}) for fault in ({}, *REFUSED)]
    theirs = [bool(complaints) for complaints in refusals(documents)]
    template = TemplateFolder(name="own", folder=Path("own"), files={})
    ours = [bool(list(mjml_faults(mjml, template, file="body.mjml"))) for mjml in documents]
    assert theirs == ours == [False, *(True for _ in REFUSED)]


def _mbox(messages: list[bytes]) -> bytes:
    """The messages as a mailbox file, which SpamAssassin reads in one go."""
    return b"".join(
        b"From sample@example.org Mon Nov 23 06:00:00 2026\n" + message.replace(b"\r\n", b"\n") + b"\n"
        for message in messages
    )


def test_spamassassin_stays_under_two_points(judged: dict[str, Any], tmp_path: Path) -> None:
    """Its own rules only (`-L`: no network). The threshold of its users is 5."""
    program = shutil.which("spamassassin")
    if program is None:
        pytest.skip("no SpamAssassin here (Debian: apt-get install spamassassin)")
    mailbox = tmp_path / "mailbox"
    mailbox.write_bytes(_mbox([one.message for one in judged.values()]))
    # Without a network a name server's silence costs nothing; what it learns stays in this folder.
    command = [program, "--local", "--test-mode", "--mbox", "--nocreate-prefs", "--prefspath", tmp_path / "prefs"]
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    ran = subprocess.run([*command, mailbox], capture_output=True, env=environment, timeout=120, check=True)
    report = ran.stdout.decode("utf-8", "replace")
    points = [float(score) for score in re.findall(r"^X-Spam-Status: \w+, score=(-?[\d.]+)", report, re.MULTILINE)]
    assert len(points) == len(judged), report[:2000]
    rules = set(re.findall(r"tests=([A-Z0-9_,\s]+?)\s+(?:autolearn|shortcircuit|version)", report))
    assert max(points) < 2, (points, rules)
