"""A clean newsroom in which faults are planted: one issue, a template of its own, nothing that any check minds."""

# ruff: noqa: E501 - lines of roundups, templates and tables are lines

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from newsletter import settings
from newsletter.checks import Subject, run
from newsletter.findings import Finding
from newsletter.issues import load, newsroom_outlets
from newsletter.issues.model import Issue
from newsletter.rendering import Edition, render

SLUG = "2026-11-24-the-mill-pond"
TODAY = date(2026, 11, 23)

NEWSROOM = """\
[newsroom]
name = "The Harbour Letter"
postal_address = "4 Quay Street, Port Alder"
url = "https://letter.example"
from_address = "letter@letter.example"

[brand]
soft = "#5c5852"
soft_dark = "#b3ada4"

[lists.daily]
title = "The Harbour Letter, every weekday"

[roundup]
longest_quote_words = 60
"""

OUTLETS = """\
[[outlet]]
name = "Tidemark"
rating = "left"

[[outlet]]
name = "The Lantern"
rating = "left"

[[outlet]]
name = "Breakwater"
rating = "right"

[[outlet]]
name = "The Tollgate"
rating = "right"

[[outlet]]
name = "Quayside Wire"
"""

ISSUE = """\
title = "Should the mill pond be drained?"
date = 2026-11-24
subject = "Should the mill pond be drained?"
preheader = "Four votes to three, and a heron that nobody asked."
template = "plain"
lists = ["daily"]
roundups = ["roundup.txt"]
leave_out = []

[sides]

[[blocks]]
kind = "note"
heading = "A note"
text = \"\"\"
We are away on Thursday.

The next letter comes on Friday.\"\"\"
link = "https://letter.example/away"
link_text = "When we write"
"""

ROUNDUP = """\
“The county will drain the mill pond in spring, the board decided on Monday by four votes to three.” Quayside Wire

From the Left

The left wants the pond kept, arguing that water once let go does not come back.

“A pond is the cheapest teacher that a school can have, and ours has taught for a hundred years. Children learn there what no screen will show them, and the herons do not send a bill.”
Ada Quill, Tidemark
Link: https://tidemark.example/2026/11/the-cheapest-teacher

“Draining it saves nothing that the county could spend. The dam must be watched with water behind it or without, and a bed of mud has never yet drawn a visitor.”
Jon Abara, The Lantern
Link: https://lantern.example/abara/mud

From the Right

The right wants it drained, arguing that an old dam is a debt that nobody voted for.

“The dam was built for a mill that closed before the war. Every spring we pay a man to look at it and worry; let him look at a meadow instead, and let the money go back to those who earned it.”
Editorial Board, Breakwater
Link: https://breakwater.example/a-meadow

“I fished there as a boy and caught a boot. What we remember is not the water but being ten years old, and no board can keep that for us at ninety thousand a year.”
Harriet Voss, The Tollgate
Link: https://tollgate.example/voss/a-boot
"""

BODY = """\
<mjml lang="{{ language }}" dir="{{ dir }}">
  <mj-head>
    <mj-title>{{ subject }}</mj-title>
    <mj-attributes>
      <mj-text font-size="16px" line-height="25px" color="{{ brand.ink }}" padding="10px 20px" />
    </mj-attributes>
    <mj-style>
      @media (prefers-color-scheme: dark) {
        .page, .page > table { background: {{ brand.page_dark }} !important; background-color: {{ brand.page_dark }} !important; }
        .t > div, .t p, .t h1, .t h2 { color: {{ brand.ink_dark }} !important; }
        .soft > div, .soft p, .soft a { color: {{ brand.soft_dark }} !important; }
        .t a { color: {{ brand.link_dark }} !important; }
      }
    </mj-style>
  </mj-head>
  <mj-body width="600px" background-color="{{ brand.page }}" css-class="page">
    <mj-raw><div style="display:none">{{ preheader }}</div></mj-raw>
    <mj-section>
      <mj-column>
        <mj-text css-class="t"><h1>{{ layout.title }}</h1></mj-text>
        {% for part in layout.everything %}
        {% for panel in (part.panels if part.kind == "pair" else [part] if part.kind in ("introduction", "opinions") else []) %}
        {% if panel.label %}
        <mj-text css-class="t"><h2>{{ panel.label }}</h2></mj-text>
        {% endif %}
        {% for sentence in panel.sentences %}
        <mj-text css-class="t"><p>{{ sentence }}</p></mj-text>
        {% endfor %}
        {% for quote in panel.quotes %}
        {% for paragraph in quote.paragraphs %}
        <mj-text css-class="t"><p class="quote">{{ paragraph }}</p></mj-text>
        {% endfor %}
        <mj-text css-class="t"><p class="source">{% for run in quote.attribution.runs %}{% if run.link %}<a href="{{ run.link }}" class="link">{{ run.text }}</a>{% else %}{{ run.text }}{% endif %}{% endfor %}</p></mj-text>
        {% endfor %}
        {% endfor %}
        {% if part.kind == "note" %}
        <mj-text css-class="t"><h2>{{ part.heading }}</h2></mj-text>
        {% for paragraph in part.paragraphs %}
        <mj-text css-class="t"><p>{{ paragraph }}</p></mj-text>
        {% endfor %}
        <mj-text css-class="t"><p><a href="{{ part.link }}" class="link">{{ part.link_text }}</a></p></mj-text>
        {% endif %}
        {% endfor %}
        <mj-text css-class="t soft" font-size="13px" color="{{ brand.soft }}">
          <p>You joined {{ slots.list }} on {{ slots.since }}. <a href="{{ slots.preferences_url }}" class="own">Preferences</a></p>
          <p><a href="{{ slots.leave_url }}" class="own">Unsubscribe</a> · <a href="{{ slots.view_url }}" class="own">Online</a></p>
          <p>{{ newsroom.name }}, {{ newsroom.postal_address }}</p>
        </mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""

TEXT = """\
{{ layout.title }}

{% for part in layout.everything %}
{% for panel in (part.panels if part.kind == "pair" else [part] if part.kind in ("introduction", "opinions") else []) %}
{{ panel.label }}
{% for sentence in panel.sentences %}
{{ sentence|wrap }}
{% endfor %}
{% for quote in panel.quotes %}
{% for paragraph in quote.paragraphs %}
{{ paragraph|wrap }}
{% endfor %}
{{ quote.attribution.words|wrap }}
{% if quote.attribution.link %}
{{ quote.attribution.link }}
{% endif %}

{% endfor %}
{% endfor %}
{% if part.kind == "note" %}
{{ part.heading }}
{% for paragraph in part.paragraphs %}
{{ paragraph|wrap }}
{% endfor %}
{{ part.link_text }}
{{ part.link }}
{% endif %}
{% endfor %}

You joined {{ slots.list }} on {{ slots.since }}.
Unsubscribe:
{{ slots.leave_url }}
{{ newsroom.name }}, {{ newsroom.postal_address }}
"""

CSS = """\
h1, h2, p { margin: 0; }
.quote { margin-top: 6px; }
.link { color: {{ brand.link }}; line-height: 25px; }
.own { color: {{ brand.soft }}; line-height: 25px; }
"""

FILES = {
    "newsletter.toml": NEWSROOM,
    "outlets.toml": OUTLETS,
    f"issues/{SLUG}/issue.toml": ISSUE,
    f"issues/{SLUG}/roundup.txt": ROUNDUP,
    "templates/email/plain/body.mjml": BODY,
    "templates/email/plain/body.txt": TEXT,
    "templates/email/plain/author.css": CSS,
}
SHORT = {"issue.toml": f"issues/{SLUG}/issue.toml", "roundup.txt": f"issues/{SLUG}/roundup.txt"}


class Room:
    """The newsroom on disk. Files of the issue and of the newsroom are named as findings name them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in FILES.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def path(self, name: str) -> Path:
        return self.root / SHORT.get(name, name)

    def plant(self, name: str, old: str, new: str) -> None:
        text = self.path(name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.path(name).write_text(text.replace(old, new), encoding="utf-8")

    def line(self, name: str, needle: str, *, last: bool = False) -> int:
        lines = self.path(name).read_text(encoding="utf-8").split("\n")
        found = [number for number, line in enumerate(lines, start=1) if needle in line]
        assert found, f"{needle!r} does not stand in {name}"
        return found[-1 if last else 0]

    def subject(
        self,
        *,
        issue: Callable[[Issue], Issue] = lambda issue: issue,
        edition: Callable[[Edition], Edition] = lambda edition: edition,
        **facts: Any,
    ) -> Subject:
        newsroom = settings.load(self.root)
        outlets = newsroom_outlets(newsroom)
        loaded = load(newsroom, SLUG, outlets=outlets)
        loaded = issue(loaded)
        known = {"outlets": outlets, "today": TODAY} | facts
        return Subject(issue=loaded, edition=edition(render(loaded, newsroom)), settings=newsroom, **known)

    def check(self, **facts: Any) -> tuple[Finding, ...]:
        return run(self.subject(**facts))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)
