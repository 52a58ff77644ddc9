"""Reading who wrote a quote and where: every form of attribution in the survey, without inventing either name.

What is returned is always a stretch of the line as it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from newsletter.roundups.headings import bias_label, without_bias_label
from newsletter.roundups.model import Lean
from newsletter.roundups.names import is_name, is_outlet
from newsletter.roundups.outlets import Outlets
from newsletter.roundups.source_forms import (
    AFFILIATION,
    BRACKETED,
    BY,
    COMPANY,
    CREDENTIAL,
    CREDENTIAL_PART,
    DATE_PART,
    EDGES,
    EDITORIAL_ALONE,
    FORMS,
    HANDLE,
    HEADLINE_FIRST,
    INVISIBLE,
    JOINED,
    JOINS_NAMES,
    LABELLED_AUTHOR,
    LEADING,
    MARKDOWN_LINK,
    MONTH,
    NAME_AND_BRACKET,
    NO_NAME,
    OUTLET_FORMS,
    PAPER,
    PREPOSITION,
    PREPOSITIONS_TOO,
    QUOTE_FOLLOWS,
    REMARK_BEHIND,
    ROUND_URL,
    SENTENCES,
    SEPARATORS,
    SMALL,
    SOURCE,
    SYMBOLS,
    TELLING,
    TITLE_WITHIN,
    TRAILING,
    TRANSLATED,
    TRANSLATED_BEHIND,
    VERBS,
    WRITES,
)

_LONGEST = 240
_MOST_WORDS = 18


class Strength(IntEnum):
    """How sure it is that a line is an attribution at all."""

    WEAK = 1
    """A capitalised line that could be an outlet nobody has heard of."""
    MEDIUM = 2
    """`A Name, An Outlet` of which the outlet is unknown."""
    STRONG = 3
    """A known outlet, or a form that only attributions have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """What an attribution says. `before` tells that its form announces what follows."""

    author: str | None
    outlet: str | None
    strength: Strength
    before: bool = False
    link: str | None = None
    lean: Lean | None = None


def attribution(text: str, outlets: Outlets) -> Attribution | None:
    """Read a whole line (or the words after a closing mark) as an attribution; None where it is none."""
    if len(text) > _LONGEST or "\t" in text[:1]:
        return None
    if text.count("“") > text.count("”") or text.count('"') % 2 or QUOTE_FOLLOWS.search(text):
        return None
    link, plain = _without_link(text)
    plain = plain.replace("*", "") if "*" in plain else plain
    titled, plain = plain, CREDENTIAL.sub("", plain)
    lean = bias_label(plain)
    if lean:
        plain = without_bias_label(plain)
    bare = SYMBOLS.sub("", TRAILING.sub("", plain[LEADING.match(plain).end() :]))  # type: ignore[union-attr]  # matches ""
    dashed = plain[:1] in "-–—―~" and plain != bare
    bracketed = len(bare) > 2 and bare[0] in "([" and bare[-1] in ")]" and bare.count(bare[0]) == 1
    if bracketed:
        bare = bare[1:-1].strip()
    before = bare.endswith(":") or (bare.endswith(".") and bare[:6].casefold() == "from “")
    announcing = bare.endswith(":")
    bare = bare.rstrip(":").rstrip()
    found = _read(_without_stop(bare), outlets) or (_sentence(bare, outlets) if announcing else None)
    if found is None:
        return None
    strength = found.strength
    if dashed or bracketed or lean or link:
        strength = max(strength, Strength.MEDIUM)
    author, outlet = (_as_written(name, titled) for name in (found.author, found.outlet))
    return Attribution(author=author, outlet=outlet, strength=strength, before=before, link=link, lean=lean)


def _as_written(name: str | None, text: str) -> str | None:
    """The name as the text has it: with `(R-GA)` or `(Ret.)` between or behind the words, without invisible ends."""
    if name is None:
        return None
    if CREDENTIAL.search(text):
        pattern = rf"(?:{CREDENTIAL.pattern})?\s+".join(re.escape(word) for word in name.split())
        found = re.search(rf"{pattern}(?:{CREDENTIAL.pattern})?", text)
        name = found[0] if found else name
    return name.strip(INVISIBLE)


def _without_link(text: str) -> tuple[str | None, str]:
    """The link of a source, and its text without Markdown's brackets or the bare address behind it."""
    links = MARKDOWN_LINK.findall(text)
    if links:
        return links[0][1], MARKDOWN_LINK.sub(r"\1", text)
    found = ROUND_URL.search(text)
    if found and found.start() > 0:
        return found[1], text[: found.start()]
    return None, text


def _without_stop(text: str) -> str:
    """Without a full stop at the end, unless it belongs to an abbreviation (`Jr.`, `U.S.`)."""
    if not text.endswith(".") or text.endswith(".."):
        return text
    last = text.rsplit(None, 1)[-1]
    abbreviated = last.count(".") > 1 or last in {"Jr.", "Sr.", "Inc.", "Co.", "Ltd.", "Corp.", "Esq.", "St."}
    return text if abbreviated else text[:-1]


def _read(bare: str, outlets: Outlets) -> Attribution | None:
    if outlets.find(bare) is not None:
        return _strong(None, bare)
    told = _formed(bare, outlets) if TELLING.search(bare) else None
    if told and told.strength is Strength.STRONG:
        return told
    if decided := _by_known_outlet(bare, outlets):
        return decided
    if not bare or bare[-1] in "?!…:;" or bare.endswith("..") or (bare[0].islower() and not BY.match(bare)):
        return None
    if headline := HEADLINE_FIRST.match(bare):
        rest = _read(bare[headline.end() :], outlets)
        return rest and _strong(rest.author, rest.outlet)
    return _labelled(bare, outlets) or told or _parted(bare, outlets) or _alone(bare, outlets)


def _strong(author: str | None, outlet: str | None) -> Attribution:
    return Attribution(author=author, outlet=outlet, strength=Strength.STRONG)


def _by_known_outlet(bare: str, outlets: Outlets) -> Attribution | None:
    """A known outlet decides, whatever parts it from the name: `A, O`; `A (O)`; `A | O`; `A via O`; `O: A`; `A, a post at O`.

    `AP News, Reuters` are two sources and no author.
    """
    if SOURCE.match(bare) or len(bare.split()) > _MOST_WORDS:
        return None
    bracketed = BRACKETED.sub(lambda found: f", {found[1]}" if outlets.find(found[1]) else found[0], bare)
    parts = _components(bracketed, SEPARATORS)
    if not any(outlets.find(part) for part in parts):  # Center for American Progress has a preposition in it
        parts = _components(bracketed, PREPOSITIONS_TOO)
    known = [outlets.find(part) is not None for part in parts]
    if not any(known):
        return None
    if all(outlets.find(name) for part in parts for name in part.split(" and ")):
        return _strong(None, bare)
    if known[0]:
        return _strong(parts[1], parts[0]) if len(parts) == 2 and is_name(parts[1]) and " " in parts[1] else None
    outlet = known.index(True, 1)
    author = _author_before(bare, parts, outlet)
    told = author is not None and (" " in author or bare.startswith((f"{author},", f"{author} |")))
    return _strong(author, parts[outlet]) if told else None


def _components(bare: str, separators: re.Pattern[str]) -> list[str]:
    """The stretches between separators of any kind, less dates, translators, remarks and titles in quotation marks."""
    bare = LABELLED_AUTHOR.sub("", TRANSLATED_BEHIND.sub("", bare), count=1)
    stretches = [EDGES.sub("", stretch) for stretch in separators.split(TITLE_WITHIN.sub(",", bare))]
    return [part for part in stretches if part and not (DATE_PART.match(part) or TRANSLATED.match(part))]


def _author_before(bare: str, parts: list[str], outlet: int) -> str | None:
    """The author among the parts before the outlet; names in small letters (`bell hooks`) and `the Editors` are names here."""
    first = parts[0]
    small = len(first.split()) <= 3 and first.replace(" ", "").isalpha() and first.islower()
    small = small and not any(word in NO_NAME or word in SMALL for word in first.split())
    if not (small or is_name(first, sure=True) or COMPANY.match(first) or EDITORIAL_ALONE.match(first)):
        return None
    start = bare.find(first)
    return _whole_author(bare[start:], first, [*parts[:outlet], ""])


def _labelled(bare: str, outlets: Outlets) -> Attribution | None:
    """`Source: O`, `by A`, `by A, O`."""
    if source := SOURCE.match(bare):
        rest = bare[source.end() :].strip()
        if not rest or len(rest.split()) > 12:
            return None
        inner = _read(rest, outlets)
        return _strong(inner.author, inner.outlet) if inner else None
    if by := BY.match(bare):
        rest = bare[by.end() :].strip()
        if inner := _parted(rest, outlets) or _formed(rest, outlets):
            return _strong(inner.author, inner.outlet)
        name = _without_translator(rest)
        return _strong(name, None) if is_name(name) else None
    return None


def _without_translator(text: str) -> str:
    return re.split(r",?\s+(?:translated|trans\.)\b", text, maxsplit=1)[0]


def _formed(bare: str, outlets: Outlets) -> Attribution | None:
    """Lead-ins that name the source in words."""
    for form in FORMS:
        found = form.match(bare)
        if found and is_name(found["author"]) and is_outlet(found["outlet"], outlets):
            outlet = found["outlet"].removeprefix("the ")
            known = outlets.find(outlet) is not None
            if " " not in found["author"] and not found["author"].startswith("@"):
                continue  # Yesterday in Merrow; Question of the Week
            telling = known or bool(re.search(rf"\b(?:writing|{VERBS})\b|^[Ff]rom |^[Bb]y ", bare))
            return Attribution(
                author=found["author"], outlet=outlet, strength=Strength.STRONG if telling else Strength.MEDIUM
            )
    for form in OUTLET_FORMS:
        found = form.match(bare)
        if found and is_outlet(found["outlet"], outlets):
            author = found.groupdict().get("author")
            outlet = found["outlet"].removeprefix("the ")
            known = outlets.find(outlet) is not None
            return Attribution(
                author=author, outlet=outlet, strength=Strength.STRONG if known or author else Strength.MEDIUM
            )
    return None


def _sentence(bare: str, outlets: Outlets) -> Attribution | None:
    """A whole sentence before a colon that names author and outlet. A place (`In Port Alder, the mayor said`) is no outlet."""
    for form in SENTENCES:
        found = form.match(bare)
        if not found or not is_name(found["author"]) or not is_outlet(found["outlet"], outlets):
            continue
        outlet = found["outlet"].removeprefix("the ")
        if (
            outlets.find(outlet)
            or PAPER.search(outlet)
            or WRITES.match(found["verb"])
            or "riting" in (found.groupdict().get("writing") or "")
        ):
            return _strong(found["author"], outlet)
    return None


def _parted(bare: str, outlets: Outlets) -> Attribution | None:
    """`A, O`; `A and B, O`; `A, an affiliation, O`; `A, O, June 20, 2024`; `A, O, translated by B`; `A (@handle), O`; `A | O`."""
    parts = _core(bare)
    if len(parts) == 1 and (found := NAME_AND_BRACKET.match(parts[0])) and _printed(found["outlet"]):
        parts = [found["author"], found["outlet"]]
    if len(parts) < 2:
        return None
    author, outlet = ", ".join(parts[:1]), parts[-1]
    if outlets.find(author) and not outlets.find(outlet):
        # O, A: some write the outlet first
        return _strong(outlet, author) if is_name(outlet) and len(outlet.split()) > 1 else None
    known = outlets.find(outlet) is not None
    if not (EDITORIAL_ALONE.match(author) or is_name(author)) or not (known or is_outlet(outlet, outlets)):
        return None
    author = _whole_author(bare, author, parts)
    sure = (
        known or bool(EDITORIAL_ALONE.match(author)) or bool(HANDLE.search(outlet)) or "substack" in outlet.casefold()
    )
    return Attribution(author=author, outlet=outlet, strength=Strength.STRONG if sure else Strength.MEDIUM)


def _printed(text: str) -> bool:
    """Whether a name is plainly that of a publication (`The Sawmill Quarterly`), and no state, handle or degree."""
    return PAPER.search(text) is not None or (text.startswith("The ") and " " in text)


def _core(bare: str) -> list[str]:
    """The parts of a source between commas (or bars and dashes), less dates, translators and credentials behind a name."""
    bare = TRANSLATED_BEHIND.sub("", bare)
    bare = REMARK_BEHIND.sub("", re.sub(rf"\s*\((?:{MONTH}|\d)[^()]*\)$", "", bare, flags=re.IGNORECASE))
    splitter = r"\s*,\s+" if re.search(r",\s", bare) else r"\s+[|–—/-]\s+|\s*[|;]\s*"
    parts = [PREPOSITION.sub("", part.strip(" *_")) for part in re.split(splitter, bare) if part.strip(" *_")]
    parts = parts[:1] + [part for part in parts[1:] if not TRANSLATED.match(part)]
    while len(parts) > 1 and DATE_PART.match(parts[-1]):
        parts.pop()
    return parts


def _whole_author(bare: str, author: str, parts: list[str]) -> str:
    """The author with names and credentials that commas part from the first (`A, B and C`; `A, MD`)."""
    middle = parts[1:-1]
    end = len(author)
    for index, part in enumerate(middle):
        more_names = any(JOINS_NAMES.search(other) for other in middle[index:])
        name = JOINED.sub("", part)
        if not CREDENTIAL_PART.match(part) and not (more_names and is_name(name) and not AFFILIATION.search(name)):
            break
        end = bare.find(part, end) + len(part)
    return bare[:end]


def _alone(bare: str, outlets: Outlets) -> Attribution | None:
    """`Editorial Board` with nothing else; a handle; a domain; a capitalised line that may be an outlet."""
    if EDITORIAL_ALONE.match(bare):
        return _strong(bare, None)
    if HANDLE.fullmatch(bare):
        return _strong(bare, None)
    core = _core(bare)
    if len(core) == 1 and core[0] != bare and outlets.find(core[0]):
        return _strong(None, core[0])
    if len(core) != 1 or not is_outlet(core[0], outlets) or len(core[0].split()) > 5:
        return None
    return Attribution(author=None, outlet=core[0], strength=Strength.WEAK)
