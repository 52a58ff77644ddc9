"""Whether words could be the name of a person or of a publication, judged by their letters alone."""

from __future__ import annotations

import re

from newsletter.roundups.outlets import Outlets
from newsletter.roundups.source_forms import ALSO_NAMES, DOMAIN, HANDLE, NO_NAME, SMALL


def is_name(text: str, *, sure: bool = False) -> bool:
    """Whether every word of the text could stand in a person's name: capitalised, a particle, an initial, a title.

    `sure` tells that a known outlet follows: then also a word that opens sentences may begin it (`Will de la Cruz`).
    """
    text = re.sub(r"\s*\([^()]{1,60}\)", "", text)
    words = text.replace("&", " & ").split()
    if not 0 < len(words) <= 12 or len(text) > 100 or ":" in text:
        return False
    proper = 0
    for word in words:
        bare = word.strip(",.'’‘“”\"()")
        if _proper(bare) or HANDLE.fullmatch(bare):
            proper += 1
        elif bare.casefold() not in SMALL and bare:
            return False
    first = words[0].casefold()
    initial = len(first) == 2 and first.endswith(".")
    named = first in ALSO_NAMES and 2 <= len(words) <= 4 and proper == len(words)
    return proper > 0 and (initial or named or (sure and proper > 1) or first.rstrip(",.") not in NO_NAME)


def is_outlet(text: str, outlets: Outlets) -> bool:
    """Whether the text could be the name of a publication."""
    text = text.strip()
    if outlets.find(text) or HANDLE.search(text) or DOMAIN.match(text):
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
        elif bare.casefold() not in SMALL and bare not in {"", "-", "–", "+"}:
            return False
    opening = words[0].casefold()
    return proper > 0 and words[-1].casefold() not in SMALL and (opening == "the" or opening not in NO_NAME)


def _proper(word: str) -> bool:
    """Capitalised, or in a script that knows no case; `al-Rashid`, `d’Arc` and `iPolitics` count."""
    if not word or not any(character.isalpha() for character in word):
        return False
    first = word[0]
    if first.isupper() or first.istitle() or (not (first.islower() or first.isupper()) and first.isalpha()):
        return True
    return first.islower() and any(character.isupper() for character in word[1:])
