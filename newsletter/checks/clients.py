"""The edition against the table of what fails in which mail program."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.client_table import FEATURES, Feature
from newsletter.checks.page import Page
from newsletter.checks.rule import Group, Rule
from newsletter.checks.spots import Spot
from newsletter.checks.subject import Matter
from newsletter.findings import Finding

RULES = tuple(
    Rule(
        code=feature.code,
        severity=feature.severity,
        group=Group.CLIENTS,
        title=f"{feature.name} fails in some programs",
        why=f"{feature.name} fails in {feature.clients}.",
        source=feature.source,
        fix=feature.instead,
    )
    for feature in FEATURES
)
_BY_CODE = {rule.code: rule for rule in RULES}
_WHITE = re.compile(r"\s+")
_ATTRIBUTES = ("href", "srcset")


def features(matter: Matter) -> Iterator[Finding]:
    """One finding a feature that is used, at its first place in the template."""
    used = _used(matter.page)
    for feature in FEATURES:
        found = next((text for text in used[feature.where] if feature.pattern.search(text)), None)
        if found is not None:
            message = f"{feature.name} fails in {feature.clients}"
            yield _BY_CODE[feature.code].finding(message, _spot(matter, feature, found))


def _used(page: Page) -> dict[str, dict[str, None]]:
    """What the edition uses, by kind, each once and in order."""
    plain = [rule for rule in page.stylesheet.rules if not rule.media and not rule.selector.startswith("@")]
    told = [each for inline in page.inline.values() for each in inline]
    told += [each for rule in plain for each in rule.declarations]
    return {
        "declaration": dict.fromkeys(f"{each.name}: {_WHITE.sub(' ', each.value)}" for each in told),
        "at": dict.fromkeys(name for name, _ in page.stylesheet.at_rules),
        "selector": dict.fromkeys(rule.selector for rule in page.stylesheet.rules),
        "element": dict.fromkeys(element.tag for element in page.elements),
        "attribute": dict.fromkeys(
            f"{element.tag} {name}={element.get(name)}"
            for element in page.elements
            for name in _ATTRIBUTES
            if element.get(name) is not None
        ),
    }


def _spot(matter: Matter, feature: Feature, found: str) -> Spot:
    """The first place in the template that reads like what was found."""
    if feature.where == "declaration":
        name, _, value = found.partition(": ")
        return matter.newsroom.matching(
            re.compile(rf"{re.escape(name)}\s*[:=]\s*[\"']?{_loosely(value)}", re.IGNORECASE)
        )
    if feature.where == "element":
        return matter.newsroom.matching(re.compile(rf"<{re.escape(found)}\b", re.IGNORECASE))
    if feature.where == "attribute":
        name, _, value = found.partition(" ")[2].partition("=")
        return matter.newsroom.matching(re.compile(rf"{name}\s*=\s*[\"']{re.escape(value)}"))
    return matter.newsroom.matching(re.compile(re.escape(found), re.IGNORECASE))


def _loosely(value: str) -> str:
    """A pattern for the value's first word: the rest may come from a setting."""
    return re.escape(re.split(r"[\s,(]", value, maxsplit=1)[0])
