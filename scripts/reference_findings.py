"""The page on findings: every code that the system can say, from the registry of the checks and the template's own table."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.checks import RULES, Group, Rule
from newsletter.checks.rule import OWN
from newsletter.rendering.template_faults import CODES as TEMPLATE_CODES
from newsletter.roundups.review import MOST_OF_A_CODE

HEAD = f"""\
# Findings

A finding says where something is, what it is, and its code in brackets:

```
roundup.txt:6:1: error: whose side is 'Editorial Board, Morning Tide' on … [SIDE-UNDECIDED]
```

An **error** stops `newsletter issue approve` and `newsletter send`. A **warning** and an **info** only tell. The commands
that compose, show and render an issue print its findings to stderr and go on, so that an issue can be looked at in any
state. Lines and columns count from 1, columns in characters. Of one code at most {MOST_OF_A_CODE} findings are listed,
then their number.

An editor may waive a warning for one edition, with name and reason: `newsletter issue waive SLUG CODE --reason TEXT`. An
error can be waived only where `waivable` under `[checks]` in [newsletter.toml](settings.md) names its code, and those of
the gate never. Those of the set-up are said by `newsletter doctor` alone, which ends with 1 where one is an error.
"""
TITLES = {
    Group.CONTENT: "Content",
    Group.LINKS: "Links",
    Group.IMAGES: "Images",
    Group.SIZE: "Size",
    Group.CLIENTS: "Mail programs",
    Group.ACCESSIBILITY: "Accessibility",
    Group.STRUCTURE: "Structure",
    Group.LAW: "Law",
    Group.GATE: "At the gate",
    Group.SET_UP: "In the set-up (`newsletter doctor`)",
}
TEMPLATE = "In a template"


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for group, title in TITLES.items():
        entries = [_entry(rule) for rule in RULES.values() if rule.group is group]
        parts += [f"## {title}", *entries] if entries else []
    parts += [f"## {TEMPLATE}", *_template_entries()]
    return "\n\n".join(part.strip() for part in parts)


def _entry(rule: Rule) -> str:
    source = "" if rule.source == OWN else f" ({rule.source})"
    parts = [f"### {rule.code}", f"**{rule.severity.value}** · {rule.why}{source}", f"{rule.fix.rstrip('.')}."]
    if rule.example:
        parts.append(f"```\n{rule.example}\n```")
    return "\n\n".join(parts)


def _template_entries() -> Iterator[str]:
    for code, (severity, why) in TEMPLATE_CODES.items():
        if code not in RULES:
            yield f"### {code}\n\n**{severity.value}** · {why}\n\nCorrect the template at the place that the finding names."
