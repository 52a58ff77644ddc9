"""What names a side: headings in all the forms of the survey, and the editors' stance lines."""

from __future__ import annotations

import re
from functools import lru_cache

from newsletter.roundups.lines import has_mark
from newsletter.roundups.model import Lean

_SIDE_WORDS = {
    "left": Lean.LEFT, "lefts": Lean.LEFT, "leftwing": Lean.LEFT, "liberal": Lean.LEFT, "liberals": Lean.LEFT,
    "progressive": Lean.LEFT, "progressives": Lean.LEFT, "democrats": Lean.LEFT, "democratic": Lean.LEFT,
    "right": Lean.RIGHT, "rights": Lean.RIGHT, "rightwing": Lean.RIGHT, "conservative": Lean.RIGHT,
    "conservatives": Lean.RIGHT, "republicans": Lean.RIGHT, "republican": Lean.RIGHT,
    "center": Lean.CENTER, "centre": Lean.CENTER, "centrist": Lean.CENTER, "centrists": Lean.CENTER,
    "moderate": Lean.CENTER, "moderates": Lean.CENTER, "middle": Lean.CENTER,
    "libertarian": Lean.LIBERTARIAN, "libertarians": Lean.LIBERTARIAN,
}  # fmt: skip
_PLAIN_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "argue",
        "argues",
        "argument",
        "arguments",
        "asks",
        "believe",
        "believes",
        "bias",
        "case",
        "commentary",
        "commentators",
        "comments",
        "do",
        "does",
        "editorial",
        "editorials",
        "for",
        "from",
        "have",
        "here",
        "here's",
        "heres",
        "in",
        "is",
        "it",
        "lean",
        "leaning",
        "leans",
        "media",
        "more",
        "narrative",
        "narratives",
        "now",
        "of",
        "on",
        "opinion",
        "opinions",
        "our",
        "perspective",
        "perspectives",
        "political",
        "position",
        "press",
        "reaction",
        "reactions",
        "respond",
        "responds",
        "response",
        "responses",
        "said",
        "say",
        "saying",
        "says",
        "side",
        "sides",
        "some",
        "spectrum",
        "spin",
        "take",
        "takes",
        "that",
        "the",
        "their",
        "they",
        "think",
        "thinking",
        "thinks",
        "this",
        "thought",
        "thoughts",
        "to",
        "today",
        "view",
        "viewpoint",
        "viewpoints",
        "views",
        "voices",
        "was",
        "weigh",
        "weighs",
        "what",
        "what's",
        "whats",
        "where",
        "wing",
        "writers",
        "writes",
    ]
)
_DECORATION = " \t\u00a0#*_•=~|-–—"
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_RUN_IN = re.compile(
    r"(?:(?:From|On) (?:the|The) )?(?P<side>Left|Right|Center|Centre|Libertarian)(?=[A-Z][a-z]|[A-Z]\b)"
)
_LABELLED = re.compile(
    r"(?:(?:from|on) the )?(?P<side>left|right|center|centre|libertarian)(?:[- ](?:wing|leaning))?\s*[:|–—]\s*\S",
    re.IGNORECASE,
)
_BIAS = re.compile(
    r"[(\[](?:leans? |lean[- ])?(?P<side>left|right|center|centre|libertarian)(?:[- ](?:bias|leaning|wing|rated))?[)\]]$",
    re.IGNORECASE,
)
_BOTH = re.compile(
    r"\b(?:both (?:the )?(?:sides|left and (?:the )?right|right and (?:the )?left)|(?:the )?two sides)\b", re.IGNORECASE
)
_OTHER = re.compile(
    r"(?:(?:some|a few|and)\s+)?(?:other|more|further|additional|all(?: the)?(?: other)?|mixed)\s+"
    r"(?:(?:notable|recent|interesting)\s+)?(?:opinions?|views?|voices|perspectives?|viewpoints?|commentary|takes?|editorials?|op-?eds?)"
    r"(?:\s+(?:are|is|can be found|follow|follows|below|here|and|editorials?|opinions?|views?|from|all|sides|both))*\s*[.:…!]*$",
    re.IGNORECASE,
)
_BRIGHT = re.compile(
    r"(?:and\s+)?(?:finally,?\s+)?on (?:the|a) (?:bright(?:er)?|light(?:er)?) (?:side|note)\b(?!\s+\w)", re.IGNORECASE
)
_GROUP = (
    r"left|right|cent(?:er|re)|liberals?|conservatives?|progressives?|libertarians?|"
    r"democrats|republicans|centrists?|moderates?"
)
_STANCE = re.compile(
    r"(?:(?:meanwhile|by contrast|in contrast|however|but|yet|while|and|similarly|conversely),?\s+)?"
    r"(?:(?:some|many|most|others|those|a few|voices|writers|commentators|opinions|pundits|critics|columnists)\s+)?"
    rf"(?:(?:on|from|of|among|in|across)\s+)?(?:(?:the|both|some|many|most)\s+)?(?:political\s+)?(?P<side>{_GROUP})\b"
    r"(?!\s*[:|–—])",
    re.IGNORECASE,
)
_SIDES_TOGETHER = re.compile(
    r"(?:where\s+)?(?:the\s+)?(?:left and (?:the )?right|right and (?:the )?left)\b[^.]*[:….]?$", re.IGNORECASE
)
_OTHER_SIDE = re.compile(rf"\s+(?:and|or|&)\s+(?:on\s+)?(?:the\s+)?(?:{_GROUP})\b", re.IGNORECASE)
_PARTY = re.compile(r"(?:[^.]{0,30}?\b)?(?:democrats|republicans|moderates?|cent(?:er|re|rists?))\b", re.IGNORECASE)
_SUBJECT = re.compile(
    r"(?:is|are|was|were|has|have|had|also|largely|mostly|generally|broadly|argues?|says?|believes?|supports?|opposes?|critici[sz]es?|praises?|"
    r"sees?|calls?|worr(?:y|ies)|wants?|urges?|thinks?|welcomes?|warns?|asks?|doubts?|accuses?|blames?|defends?|notes?|points?|"
    r"condemns?|celebrates?|applauds?|disagrees?|agrees?|counters?|rejects?|fears?|hopes?|remains?|responds?)\b",
    re.IGNORECASE,
)
_ENDS_IN_SIDE = re.compile(r"\b(?:from|on|by) the (?P<side>left|right|center|centre)[.:…!?]*$", re.IGNORECASE)
_ZERO_WIDTH = dict.fromkeys([0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF])
_MARKS = re.compile(r"[“”\"]")
_MARKDOWN = re.compile(r"#{1,6}\s+\S")
_LONGEST_HEADING_WORDS = 9
_LONGEST_HEADING = 240
_LONGEST_SENTENCE_WORDS = 40


def is_markdown(text: str) -> bool:
    """Whether the line is a Markdown heading."""
    return _MARKDOWN.match(text) is not None


def undecorated(text: str) -> str:
    """A heading or title without Markdown, rules and emphasis around it."""
    return text.lstrip(_DECORATION + ">").rstrip(_DECORATION)


def is_bright_side(heading: str) -> bool:
    """Whether a heading opens the closing note that belongs to no side."""
    return _BRIGHT.match(undecorated(heading)) is not None


def heading_lean(text: str) -> tuple[bool, Lean | None]:
    """Whether the line is a heading by its own words, and the lean that it names.

    The words decide, not the length alone: `From the LEFT`, `What the left is saying`, `Right narrative`, `LeftHeadline`,
    `Left: Headline (Outlet)`, `Both sides urge …:`, `Other opinions below.`, `On the bright side...`.
    """
    return _heading_lean(text) if len(text) <= 2 * _LONGEST_HEADING else (False, None)


@lru_cache(maxsize=4096)  # rules ask about a line and its neighbours several times
def _heading_lean(text: str) -> tuple[bool, Lean | None]:
    plain = _bare(text)
    if not plain or len(plain) > _LONGEST_HEADING or has_mark(plain):
        return False, None
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(plain)]
    if _BRIGHT.match(plain) and len(words) <= _LONGEST_HEADING_WORDS:
        return True, None
    lean = _lean_by_form(plain, words)
    return (True, lean) if lean else _worded(words)


def _bare(text: str) -> str:
    """The heading without decoration, invisible characters and the marks of a single word (`From the “left”`)."""
    plain = undecorated(text if text.isascii() else text.translate(_ZERO_WIDTH))
    return _MARKS.sub("", plain) if len(plain) < 40 and plain.count(" ") < 5 and has_mark(plain) else plain


def _lean_by_form(plain: str, words: list[str]) -> Lean | None:
    if _OTHER.match(plain):
        return Lean.OTHER
    if 0 < len(words) <= _LONGEST_SENTENCE_WORDS and _both(plain, words):
        return Lean.BOTH
    if labelled := _labelled(plain):
        return labelled
    ends = _ENDS_IN_SIDE.search(plain) if len(words) <= _LONGEST_HEADING_WORDS else None
    return _SIDE_WORDS[ends["side"].casefold()] if ends else None


def _both(plain: str, words: list[str]) -> bool:
    """`Both sides` at the head of the line (or a lone `left and right`); deeper in a sentence it is narration."""
    found = _BOTH.search(plain) or _SIDES_TOGETHER.match(plain)
    if found is None:
        return False
    heads = found.start() <= 12 and not _runs_on(plain, words)
    return heads or (len(words) <= 12 and plain.endswith((":", "…", "...")))


def _runs_on(plain: str, words: list[str]) -> bool:
    """Whether the line is a long sentence with a full stop, as there are in quotes."""
    return len(words) > _LONGEST_HEADING_WORDS and plain.endswith(".") and not plain.endswith("..")


def _labelled(plain: str) -> Lean | None:
    found = _LABELLED.match(plain) or _RUN_IN.match(plain)
    if not found and len(plain) <= 120:
        found = _BIAS.search(plain)
    return _SIDE_WORDS[found["side"].casefold()] if found else None


def _worded(words: list[str]) -> tuple[bool, Lean | None]:
    """A short line made only of words that headings are made of, with one side among them (or both)."""
    if not 0 < len(words) <= _LONGEST_HEADING_WORDS:
        return False, None
    sides = set()
    if words[-2:] in (["of", "center"], ["of", "centre"]):
        words = words[:-2]
    for word in words:
        bare = word.removesuffix("'s").removesuffix("s'")
        if bare in _SIDE_WORDS:
            sides.add(_SIDE_WORDS[bare])
        elif word not in _PLAIN_WORDS and bare not in _PLAIN_WORDS:
            return False, None
    if not sides or (len(sides) > 1 and not {"and", "both"} & set(words)):
        return False, None
    return True, sides.pop() if len(sides) == 1 else Lean.BOTH


def stance_lean(text: str) -> Lean | None:
    """The side whose stance the sentence tells (`The left is critical of …`), or None where it is no such sentence."""
    if len(text) > 600 or not text.rstrip('”"’').endswith((".", ":", "!", "?", "…")) or text.startswith("‘"):
        return None
    found = _STANCE.match(text)
    if not found or len(text[found.end() :].split()) < 3 or _OTHER_SIDE.match(text, found.end()):
        return None
    return _SIDE_WORDS[found["side"].casefold()]


def opens_by_stance(text: str) -> bool:
    """Whether a stance line is plain enough to open a section without a heading: `The left is …`, `Many on the right say …`.

    News begins with parties (`Republicans in the Senate blocked …`), and a news report must never be put on a side.
    """
    found = _STANCE.match(text)
    return (
        found is not None
        and not _PARTY.match(text[: found.end()])
        and _SUBJECT.match(text, found.end() + 1) is not None
    )


def bias_label(text: str) -> Lean | None:
    """The side in a label such as `(Left bias)` at the end of a source, or None."""
    found = _BIAS.search(text)
    return _SIDE_WORDS[found["side"].casefold()] if found else None


def without_bias_label(text: str) -> str:
    """The source without such a label."""
    return _BIAS.sub("", text).rstrip()
