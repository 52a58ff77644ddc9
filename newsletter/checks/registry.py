"""Every rule by its code, and the checks in the order in which they run.

To add a check: write its `Rule` and a function `(Matter) -> Iterator[Finding]` in the module of its group, name both
here, and plant its fault in tests/checks/test_planted_faults.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from newsletter.checks import (
    accessibility,
    audience,
    clients,
    foreign,
    head,
    images,
    law,
    recent,
    size,
    static_links,
    structure,
    wording,
)
from newsletter.checks.rule import Rule
from newsletter.checks.subject import Matter
from newsletter.errors import InputError
from newsletter.findings import Finding
from newsletter.settings import nearest

_MODULES = (
    head, wording, recent, static_links, images, size, clients, accessibility, structure, law, audience, foreign
)  # fmt: skip

RULES: Mapping[str, Rule] = MappingProxyType({rule.code: rule for module in _MODULES for rule in module.RULES})
"""All rules: those of the checks, and the codes of roundups, issues and the gate."""

CHECKS: tuple[Callable[[Matter], Iterator[Finding]], ...] = (
    head.subject,
    head.preheader,
    head.date,
    wording.placeholders,
    wording.unrendered,
    wording.verbatim,
    recent.repetitions,
    static_links.addresses,
    static_links.words,
    static_links.repetitions,
    static_links.answers,
    images.images,
    size.weight,
    size.styles,
    clients.features,
    accessibility.contrast,
    accessibility.body_text,
    accessibility.headings,
    accessibility.targets,
    accessibility.roles,
    accessibility.language,
    structure.same_quotes,
    structure.same_links,
    structure.doctype,
    structure.width,
    law.postal_address,
    law.unsubscribe,
    law.one_click,
    audience.audience,
)


def require(code: str, *, where: str = "") -> Rule:
    """The rule with that code, whatever its case.

    Raises:
        InputError: there is none; names the nearest, and `where` the code stands.
    """
    rule = RULES.get(code.strip().upper())
    if rule is None:
        raise InputError(f"no check has the code {code[:60]!r}", where=where, remedy=nearest_code(code))
    return rule


def nearest_code(code: str) -> str:
    """A remedy that names the nearest code."""
    remedy = nearest(code.strip().upper(), sorted(RULES))
    return remedy if remedy.startswith("Did") else "`newsletter check rules` lists them all"
