"""How many would get it, against what is usual: a fact that whoever calls hands in."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.checks.rule import Group, Rule
from newsletter.checks.subject import Matter
from newsletter.findings import Finding, Severity

USUAL_SHARE = 0.2
"""How far an audience may be from the median before a person has to look at the number."""

AUDIENCE_EMPTY = Rule(
    code="AUDIENCE-EMPTY",
    severity=Severity.ERROR,
    group=Group.GATE,
    title="nobody would get it",
    why="A mailing without readers is a slip: the wrong list, or an import that failed.",
    fix="Import subscribers, or name the list that was meant; `newsletter list show` counts them",
)
AUDIENCE_UNUSUAL = Rule(
    code="AUDIENCE-UNUSUAL",
    severity=Severity.WARNING,
    group=Group.GATE,
    title="unusual number of readers",
    why="A number far from the usual one is often an import, a segment or a suppression gone wrong.",
    fix="Look at the number; if it is right, say so when you send",
)
RULES = (AUDIENCE_EMPTY, AUDIENCE_UNUSUAL)


def audience(matter: Matter) -> Iterator[Finding]:
    """Empty, or more than a fifth from the median of the list's latest mailings."""
    facts = matter.subject.audience
    if facts is None:
        return
    if facts.recipients == 0:
        yield AUDIENCE_EMPTY.finding(f"nobody on list {facts.list_name!r} would get it")
    elif facts.usual and abs(facts.recipients - facts.usual) > USUAL_SHARE * facts.usual:
        yield AUDIENCE_UNUSUAL.finding(
            f"{facts.recipients:,} would get it, {facts.usual:,} is usual on {facts.list_name!r}"
        )
