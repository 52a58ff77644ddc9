"""Reading who wrote a quote and where: every form of attribution in the survey, without inventing either name.

What is returned is always a stretch of the line as it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from newsletter.roundups.headings import bias_label, without_bias_label
from newsletter.roundups.lines import CLOSE, OPEN
from newsletter.roundups.model import Lean
from newsletter.roundups.outlets import Outlets

_LONGEST = 240
_SMALL = frozenset(["a", "al", "an", "and", "at", "bin", "da", "das", "de", "del", "della", "der", "des", "di", "do", "dos", "du", "e", "el", "et", "for", "ibn", "in", "la", "las", "le", "los", "of", "on", "per", "san", "st", "the", "to", "und", "van", "vom", "von", "y", "zu", "&"])  # fmt: skip
_EDITORIAL = re.compile(r"(?:the\s+)?(?:editorial(?:\s+(?:board|staff|team))?|editors|editor’?'?s)\b", re.IGNORECASE)
_EDITORIAL_ALONE = re.compile(
    r"(?:the\s+)?(?:editorial(?:\s+(?:board|staff|team|desk))?|editors|staff(?:\s+(?:report|reports|writers?|editorial))?)$",
    re.IGNORECASE,
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*\.?"
_DATE_PART = re.compile(
    rf"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day|\.)?\s*)?"
    rf"(?:{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?|\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}(?:\s+\d{{4}})?|{_MONTH}\s+\d{{4}}"
    r"|\d{4}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|\d{4}-\d{2}-\d{2})$|(?:mon|tues|wednes|thurs|fri|satur|sun)day$",
    re.IGNORECASE,
)
_CREDENTIAL_PART = re.compile(
    r"(?:M\.?D|Ph\.?D|J\.?D|Esq|Jr|Sr|R\.?N|MPH|MBA|CPA|QC|KC|MP|OBE|CBE|II|III|IV)\.?$|[RDI]-[A-Z][a-z.]*\.?$"
)
_TRANSLATED = re.compile(
    r"(?:translated|trans\.|transl\.|translation|as told to|interviewed by)(?:\s|$)", re.IGNORECASE
)
_TRANSLATED_BEHIND = re.compile(
    r"\s*[(;]\s*(?:translated|trans\.|transl\.|translation|as told to)\s[^()]*\)?", re.IGNORECASE
)
_LEADING = re.compile(r"^[\s>*_•|]*(?:[-–—―~]+\s*)?[*_]{0,3}")
_TRAILING = re.compile(r"[\s*_|]+$")
_SYMBOLS = re.compile(r"^[^\w\s(@“\"‘'\[]+\s*|\s*[^\w\s).!?:;…”\"’'\]+]+$")
_MARKDOWN_LINK = re.compile(r"\[([^\[\]]+)\]\(\s*<?(https?://[^\s<>]{1,2000}?)>?\s*\)")
_URL = re.compile(r"https?://[^\s<>()]+")
_ROUND_URL = re.compile(r"\s*[(<\[]?\s*(https?://[^\s<>()\]]+)\s*[)>\]]?\s*$")
_HANDLE = re.compile(r"@[\w.]{1,40}$")
_DOMAIN = re.compile(r"(?:[\w-]+\.)+[a-z]{2,12}$", re.IGNORECASE)
_VERBS = (
    r"(?:writes?|wrote|argues?|argued|says?|said|notes?|noted|adds?|added|asks?|asked|warns?|warned|contends?|contended|opines?|opined|"
    r"claims?|claimed|believes?|believed|counters?|countered|insists?|insisted|explains?|explained|observes?|observed|puts? it|"
    r"suggests?|suggested|responds?|responded|concludes?|concluded|weighs? in|thinks?|agrees?|agreed|disagrees?|comments?|commented)"
)
VERB_AT_END = re.compile(rf"\b{_VERBS}[.,]?$")
_NAME = r"[^\W\d_a-zß-öø-ÿ][^\s,:;“”\"!?]*(?:\s+(?:[^\W\d_a-zß-öø-ÿ][^\s,:;“”\"!?]*|(?:de|del|della|der|van|von|da|di|la|le|bin|ibn|al|el|y|and|&))){0,6}"
_PLACE = r"[^,:;“”\"!?]{2,60}?"
_FORMS = tuple(
    re.compile(form)
    for form in (
        # From “Title,” by A in O.
        rf"^[Ff]rom\s+{OPEN}.{{1,200}}?{CLOSE},?\s+by\s+(?P<author>{_NAME})(?:,|\s+(?:in|at|for|of|on))\s+(?P<outlet>{_PLACE})$",
        rf"^[Ff]rom\s+(?P<outlet>{_PLACE}),?\s+by\s+(?P<author>{_NAME})$",
        rf"^[Ff]rom\s+{OPEN}.{{1,200}}?{CLOSE},?\s+(?:in|at|by)\s+(?P<outlet>{_PLACE})$",
        # A, an affiliation, writing for O
        rf"^(?P<author>{_NAME})(?:,\s+[^:]{{1,120}}?)?,?\s+(?:writing|reporting|columnist|writer|contributor)\s+(?:for|in|at|on)\s+(?P<outlet>{_PLACE})"
        rf"(?:,?\s+{_VERBS})?$",
        # A argues in O
        rf"^(?P<author>{_NAME})(?:,\s+[^:]{{1,120}}?)?,?\s+{_VERBS}\s+(?:for|in|at|on)\s+(?P<outlet>{_PLACE})$",
        # @handle on X
        r"^(?P<author>@[\w.]{1,40}|[^@,:]{2,60}\(@[\w.]{1,40}\))\s*(?:,|\bon\b|\bat\b|\bvia\b)\s*(?P<outlet>[A-Z][\w.]*(?:\s[A-Z]\w*)?)$",
        # A of O writes
        rf"^(?P<author>{_NAME})\s+(?:in|at|of|for|from|with)\s+(?P<outlet>{_PLACE})(?:,?\s+{_VERBS})?$",
        # Writing in O, A argues
        rf"^[Ww]riting\s+(?:in|for|at|on)\s+(?P<outlet>{_PLACE}),\s+(?P<author>{_NAME})(?:\s+{_VERBS})?$",
        # O's A writes
        rf"^(?P<outlet>{_PLACE})(?:’s|'s)\s+(?P<author>{_NAME})(?:\s+{_VERBS})?$",
        # by A, O
        rf"^[Bb]y\s+(?P<author>{_NAME})(?:,|\s+(?:in|at|for|of))\s+(?P<outlet>{_PLACE})$",
        # A, O, argues
        rf"^(?P<author>{_NAME}),\s+(?P<outlet>{_PLACE}),?\s+{_VERBS}$",
    )
)
_OUTLET_FORMS = tuple(
    re.compile(form)
    for form in (
        # the editorial board of O; the editors of O
        rf"^(?P<author>(?:[Tt]he\s+)?(?:[Ee]ditorial\s+[Bb]oard|[Ee]ditors))\s+(?:of|at|for|in)\s+(?P<outlet>{_PLACE})(?:\s+{_VERBS})?$",
        # O editorial board
        rf"^(?:[Tt]he\s+(?=the\b))?(?P<outlet>{_PLACE})(?:’s|'s)?\s+(?P<author>(?:[Ee]ditorial\s+[Bb]oard|[Ee]ditors|EDITORIAL BOARD))(?:\s+{_VERBS})?$",
        # O (State), on topic
        rf"^(?P<outlet>{_PLACE})(?:\s+\([^()]{{1,40}}\))?,?\s+on\s+[^:]{{2,160}}$",
        rf"^(?P<outlet>{_PLACE})\s+\([A-Z][^()]{{1,40}}\)$",
        # As O put it; According to O; O writes
        rf"^(?:[Aa]s|[Aa]ccording to|[Ff]rom|[Vv]ia|[Ss]ource:|[Ii]n)\s+(?P<outlet>{_PLACE})(?:,?\s+{_VERBS})?$",
        rf"^(?P<outlet>{_PLACE})\s+{_VERBS}$",
    )
)
_SAYING = rf"{_VERBS}|doubts?|doubted|fears?|feared|hopes?|hoped|wonders?|wondered|calls?|called|sees?|saw|wants?|wanted|points?|pointed"
_SENTENCES = tuple(
    re.compile(form)
    for form in (
        # (Writing) in O, A wrote that …
        rf"^(?P<writing>[Ww]riting\s+)?(?:[Ii]n|[Ff]or|[Aa]t|[Oo]n)\s+(?P<outlet>{_PLACE}),\s+(?P<author>{_NAME})\s+(?P<verb>{_SAYING})\b.*$",
        # A argued in O that …
        rf"^(?P<author>{_NAME})\s+(?P<verb>{_VERBS})\s+(?:in|for|at|on)\s+(?P<outlet>{_PLACE})\s+(?:that|how|why|about|against|for|on|this)\b.*$",
        # A of O says that …; A, writing in O, says …
        rf"^(?P<author>{_NAME}),?\s+(?P<writing>writing\s+(?:in|for|at)|of|at|from|in)\s+(?P<outlet>{_PLACE}),?\s+(?P<verb>{_SAYING})\b.*$",
        # O's A says …
        rf"^(?P<outlet>{_PLACE})(?:’s|'s)\s+(?P<author>{_NAME})\s+(?P<verb>{_SAYING})\b.*$",
        # The editorial board of O says …
        rf"^(?P<author>(?:[Tt]he\s+)?(?:[Ee]ditorial\s+[Bb]oard|[Ee]ditors))\s+(?P<writing>of|at)\s+(?P<outlet>{_PLACE})\s+(?P<verb>{_SAYING})\b.*$",
    )
)
_WRITES = re.compile(r"(?:wrote|writes?|argue[ds]?|contend(?:s|ed)?|opine[ds]?)$")
_PAPER = re.compile(
    r"\b(?:Times|Post|Journal|Ledger|Herald|Tribune|News|Review|Gazette|Standard|Examiner|Chronicle|Dispatch|Courier|Globe|Star|Sun|"
    r"Mail|Telegraph|Observer|Guardian|Independent|Mirror|Record|Register|Reporter|Press|Bulletin|Inquirer|Sentinel|Monitor|Weekly|"
    r"Daily|Magazine|Today|Wire|Radio|TV|Quarterly|Spectator|Statesman|Mercury|Advocate|Argus|Echo|Beacon|Compass|Lantern|Substack)$"
)
_HEADLINE_FIRST = re.compile(rf"^{OPEN}[^“”\"]{{1,250}}{CLOSE},?\s+(?:(?:by|from)\s+)?")
_JOINS_NAMES = re.compile(r"(?:^|\s)(?:and|&)\s")
_AFFILIATION = re.compile(r"\b(?:of|for|in|at|the|to)\b")
_NO_NAME = frozenset(
    [
        "a",
        "all",
        "an",
        "and",
        "another",
        "are",
        "both",
        "but",
        "can",
        "commentators",
        "critics",
        "do",
        "does",
        "few",
        "here",
        "how",
        "i",
        "if",
        "is",
        "it",
        "its",
        "let",
        "many",
        "most",
        "no",
        "not",
        "one",
        "or",
        "others",
        "our",
        "pundits",
        "should",
        "so",
        "some",
        "several",
        "that",
        "the",
        "there",
        "these",
        "they",
        "this",
        "those",
        "we",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "yes",
        "you",
        "your",
    ]
)
_BY = re.compile(r"^(?:[Bb]y|BY|[Ww]ritten by)[\s:]+")
_SOURCE = re.compile(r"^(?:[Ss]ource|SOURCE|[Ff]rom|[Vv]ia)\s*:\s*")


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
    link, plain = _without_link(text)
    lean = bias_label(plain)
    if lean:
        plain = without_bias_label(plain)
    bare = _SYMBOLS.sub("", _TRAILING.sub("", plain[_LEADING.match(plain).end() :]))  # type: ignore[union-attr]  # matches ""
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
    return Attribution(author=found.author, outlet=found.outlet, strength=strength, before=before, link=link, lean=lean)


def _without_link(text: str) -> tuple[str | None, str]:
    """The link of a source, and its text without Markdown's brackets or the bare address behind it."""
    links = _MARKDOWN_LINK.findall(text)
    if links:
        return links[0][1], _MARKDOWN_LINK.sub(r"\1", text)
    found = _ROUND_URL.search(text)
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
    if (
        not bare
        or bare[-1] in "?!…:;"
        or bare.endswith("..")
        or (bare[0].islower() and not bare.startswith(("by ", "via ")))
    ):
        return None
    if known := outlets.find(bare):
        return _strong(None, bare) if known else None
    headline = _HEADLINE_FIRST.match(bare)
    if headline:
        rest = _read(bare[headline.end() :], outlets)
        return rest and Attribution(author=rest.author, outlet=rest.outlet, strength=Strength.STRONG)
    for reader in (_two_outlets, _labelled, _formed, _parted, _alone):
        if found := reader(bare, outlets):
            return found
    return None


def _strong(author: str | None, outlet: str | None) -> Attribution:
    return Attribution(author=author, outlet=outlet, strength=Strength.STRONG)


def _two_outlets(bare: str, outlets: Outlets) -> Attribution | None:
    """`AP News, Reuters`; `AP News and Reuters`: two sources and no author."""
    for joint in (", ", " and ", " & ", "; ", " / ", " + "):
        parts = bare.split(joint)
        if len(parts) > 1 and all(outlets.find(part.strip()) for part in parts):
            return _strong(None, bare)
    return None


def _labelled(bare: str, outlets: Outlets) -> Attribution | None:
    """`Source: O`, `by A`, `by A, O`."""
    if source := _SOURCE.match(bare):
        rest = bare[source.end() :].strip()
        if not rest or len(rest.split()) > 12:
            return None
        inner = _read(rest, outlets)
        return _strong(inner.author, inner.outlet) if inner else None
    if by := _BY.match(bare):
        rest = bare[by.end() :].strip()
        if inner := _parted(rest, outlets) or _formed(rest, outlets):
            return _strong(inner.author, inner.outlet)
        name = _without_translator(rest)
        return _strong(name, None) if _is_name(name) else None
    return None


def _without_translator(text: str) -> str:
    return re.split(r",?\s+(?:translated|trans\.)\b", text, maxsplit=1)[0]


def _formed(bare: str, outlets: Outlets) -> Attribution | None:
    """Lead-ins that name the source in words."""
    for form in _FORMS:
        found = form.match(bare)
        if found and _is_name(found["author"]) and _is_outlet(found["outlet"], outlets):
            outlet = found["outlet"].removeprefix("the ")
            known = outlets.find(outlet) is not None
            telling = known or bool(re.search(rf"\b(?:writing|{_VERBS})\b|^[Ff]rom |^[Bb]y ", bare))
            return Attribution(
                author=found["author"], outlet=outlet, strength=Strength.STRONG if telling else Strength.MEDIUM
            )
    for form in _OUTLET_FORMS:
        found = form.match(bare)
        if found and _is_outlet(found["outlet"], outlets):
            author = found.groupdict().get("author")
            outlet = found["outlet"].removeprefix("the ")
            known = outlets.find(outlet) is not None
            return Attribution(
                author=author, outlet=outlet, strength=Strength.STRONG if known or author else Strength.MEDIUM
            )
    return None


def _sentence(bare: str, outlets: Outlets) -> Attribution | None:
    """A whole sentence before a colon that names author and outlet. A place (`In Port Alder, the mayor said`) is no outlet."""
    for form in _SENTENCES:
        found = form.match(bare)
        if not found or not _is_name(found["author"]) or not _is_outlet(found["outlet"], outlets):
            continue
        outlet = found["outlet"].removeprefix("the ")
        if (
            outlets.find(outlet)
            or _PAPER.search(outlet)
            or _WRITES.match(found["verb"])
            or "riting" in (found.groupdict().get("writing") or "")
        ):
            return _strong(found["author"], outlet)
    return None


def _parted(bare: str, outlets: Outlets) -> Attribution | None:
    """`A, O`; `A and B, O`; `A, an affiliation, O`; `A, O, June 20, 2024`; `A, O, translated by B`; `A (@handle), O`; `A | O`."""
    parts = _core(bare)
    if len(parts) < 2:
        return None
    author, outlet = ", ".join(parts[:1]), parts[-1]
    if outlets.find(author) and not outlets.find(outlet):
        # O, A: some write the outlet first
        return _strong(outlet, author) if _is_name(outlet) and len(outlet.split()) > 1 else None
    known = outlets.find(outlet) is not None
    if not (_EDITORIAL_ALONE.match(author) or _is_name(author)) or not (known or _is_outlet(outlet, outlets)):
        return None
    author = _whole_author(bare, author, parts)
    sure = (
        known or bool(_EDITORIAL_ALONE.match(author)) or bool(_HANDLE.search(outlet)) or "substack" in outlet.casefold()
    )
    return Attribution(author=author, outlet=outlet, strength=Strength.STRONG if sure else Strength.MEDIUM)


def _core(bare: str) -> list[str]:
    """The parts of a source between commas (or bars and dashes), less dates, translators and credentials behind a name."""
    bare = _TRANSLATED_BEHIND.sub("", bare)
    bare = re.sub(rf"\s*\((?:{_MONTH}|\d)[^()]*\)$", "", bare, flags=re.IGNORECASE)
    splitter = r"\s*,\s+" if ", " in bare else r"\s+[|–—/-]\s+|\s*\|\s*"
    parts = [part.strip() for part in re.split(splitter, bare) if part.strip()]
    parts = parts[:1] + [part for part in parts[1:] if not _TRANSLATED.match(part)]
    while len(parts) > 1 and _DATE_PART.match(parts[-1]):
        parts.pop()
    return parts


def _whole_author(bare: str, author: str, parts: list[str]) -> str:
    """The author with names and credentials that commas part from the first (`A, B and C`; `A, MD`)."""
    middle = parts[1:-1]
    end = len(author)
    for index, part in enumerate(middle):
        more_names = any(_JOINS_NAMES.search(other) for other in middle[index:])
        if not _CREDENTIAL_PART.match(part) and not (more_names and _is_name(part) and not _AFFILIATION.search(part)):
            break
        end = bare.find(part, end) + len(part)
    return bare[:end]


def _alone(bare: str, outlets: Outlets) -> Attribution | None:
    """`Editorial Board` with nothing else; a handle; a domain; a capitalised line that may be an outlet."""
    if _EDITORIAL_ALONE.match(bare):
        return _strong(bare, None)
    if _HANDLE.fullmatch(bare):
        return _strong(bare, None)
    core = _core(bare)
    if len(core) == 1 and core[0] != bare and outlets.find(core[0]):
        return _strong(None, core[0])
    if len(core) != 1 or not _is_outlet(core[0], outlets) or len(core[0].split()) > 5:
        return None
    return Attribution(author=None, outlet=core[0], strength=Strength.WEAK)


def _is_name(text: str) -> bool:
    """Whether every word of the text could stand in a person's name: capitalised, a particle, an initial, a title."""
    text = re.sub(r"\s*\([^()]{1,60}\)", "", text)
    words = text.replace("&", " & ").split()
    if not 0 < len(words) <= 12 or len(text) > 100:
        return False
    proper = 0
    for word in words:
        bare = word.strip(",.'’‘“”\"()")
        if _proper(bare) or _HANDLE.fullmatch(bare):
            proper += 1
        elif bare.casefold() not in _SMALL and bare:
            return False
    return proper > 0 and words[0].casefold().rstrip(",.") not in _NO_NAME


def _is_outlet(text: str, outlets: Outlets) -> bool:
    """Whether the text could be the name of a publication."""
    text = text.strip()
    if outlets.find(text) or _HANDLE.search(text) or _DOMAIN.match(text):
        return True
    text = re.sub(r"\s*\([^()]{1,60}\)", "", text)
    words = text.split()
    if not 0 < len(words) <= 8 or len(text) > 70 or (text[-1:] in ".,:;?!" and not text.endswith((".com.", "Inc."))):
        return False
    proper = 0
    for word in words:
        bare = word.strip(".'’‘\"()")
        if _proper(bare) or bare[:1].isdigit():
            proper += 1
        elif bare.casefold() not in _SMALL and bare not in {"", "-", "–", "+"}:
            return False
    opening = words[0].casefold()
    return proper > 0 and words[-1].casefold() not in _SMALL and (opening == "the" or opening not in _NO_NAME)


def _proper(word: str) -> bool:
    """Capitalised, or in a script that knows no case; `al-Rashid`, `d’Arc` and `iPolitics` count."""
    if not word or not any(character.isalpha() for character in word):
        return False
    first = word[0]
    if first.isupper() or first.istitle() or (not (first.islower() or first.isupper()) and first.isalpha()):
        return True
    return first.islower() and any(character.isupper() for character in word[1:])
