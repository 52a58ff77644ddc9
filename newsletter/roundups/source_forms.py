"""The forms of attributions as patterns: what `attributions` recognises, and the words that tell a source from other text.

Each form is written as long as it is, on one line where that keeps it readable as one form.
"""

from __future__ import annotations

import re

from newsletter.roundups.lines import CLOSE, OPEN

SMALL = frozenset(["a", "al", "an", "and", "at", "bin", "da", "das", "de", "del", "della", "der", "des", "di", "do", "dos", "du", "e", "el", "et", "for", "ibn", "in", "la", "las", "le", "los", "of", "on", "per", "san", "st", "the", "to", "und", "van", "vom", "von", "y", "zu", "&"])  # fmt: skip
EDITORIAL_ALONE = re.compile(
    r"(?:the\s+)?(?:editorial(?:\s+(?:board|staff|team|desk))?|editors|staff(?:\s+(?:report|reports|writers?|editorial))?)$",
    re.IGNORECASE,
)
MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*\.?"
DATE_PART = re.compile(
    rf"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day|\.)?\s*)?"
    rf"(?:{MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?|\d{{1,2}}(?:st|nd|rd|th)?\s+{MONTH}(?:\s+\d{{4}})?|{MONTH}\s+\d{{4}}"
    r"|\d{4}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|\d{4}-\d{2}-\d{2})$|(?:mon|tues|wednes|thurs|fri|satur|sun)day$",
    re.IGNORECASE,
)
CREDENTIAL = re.compile(r"\s*\((?:[RDI](?:[-–][A-Z][A-Za-z.]{0,12})?|[Rr]et(?:ired|\.)?)\)")
INVISIBLE = " \u00a0\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
CREDENTIAL_PART = re.compile(
    r"(?:M\.?D|Ph\.?D|J\.?D|Esq|Jr|Sr|R\.?N|MPH|MBA|CPA|QC|KC|MP|OBE|CBE|II|III|IV)\.?$|[RDI]-[A-Z][a-z.]*\.?$"
)
TRANSLATED = re.compile(r"(?:translated|trans\.|transl\.|translation|as told to|interviewed by)(?:\s|$)", re.IGNORECASE)
TRANSLATED_BEHIND = re.compile(
    r"\s*[(;]\s*(?:translated|trans\.|transl\.|translation|as told to)\s[^()]*\)?", re.IGNORECASE
)
LEADING = re.compile(r"^[\s>*_•|]*(?:[-–—―~]+\s*)?[*_]{0,3}")
TRAILING = re.compile(r"[\s*_|]+$")
SYMBOLS = re.compile(r"^[^\w\s(@“\"‘'\[]+\s*|\s*[^\w\s).!?:;…”\"’'\]+]+$")
MARKDOWN_LINK = re.compile(r"\[([^\[\]]+)\]\(\s*<?(https?://[^\s<>]{1,2000}?)>?\s*\)")
_URL = re.compile(r"https?://[^\s<>()]+")
ROUND_URL = re.compile(r"\s*[(<\[]?\s*(https?://[^\s<>()\]]+)\s*[)>\]]?\s*$")
HANDLE = re.compile(r"@[\w.]{1,40}$")
DOMAIN = re.compile(r"(?:[\w-]+\.)+[a-z]{2,12}$", re.IGNORECASE)
VERBS = (
    r"(?:writes?|wrote|argues?|argued|says?|said|notes?|noted|adds?|added|asks?|asked|warns?|warned|contends?|contended|opines?|opined|"
    r"claims?|claimed|believes?|believed|counters?|countered|insists?|insisted|explains?|explained|observes?|observed|puts? it|"
    r"suggests?|suggested|responds?|responded|concludes?|concluded|weighs? in|thinks?|agrees?|agreed|disagrees?|comments?|commented)"
)
VERB_AT_END = re.compile(rf"\b{VERBS}[.,]?$")
_NAME = r"[^\W\d_a-zß-öø-ÿ][^\s,:;“”\"!?]*(?:\s+(?:[^\W\d_a-zß-öø-ÿ][^\s,:;“”\"!?]*|(?:de|del|della|der|van|von|da|di|la|le|bin|ibn|al|el|y|and|&))){0,6}"
_PLACE = r"[^,:;“”\"!?]{2,60}?"
FORMS = tuple(
    re.compile(form)
    for form in (
        # From “Title,” by A in O.
        rf"^[Ff]rom\s+{OPEN}.{{1,200}}?{CLOSE},?\s+by\s+(?P<author>{_NAME})(?:,|\s+(?:in|at|for|of|on))\s+(?P<outlet>{_PLACE})$",
        rf"^[Ff]rom\s+(?P<outlet>{_PLACE}),?\s+by\s+(?P<author>{_NAME})$",
        rf"^[Ff]rom\s+{OPEN}.{{1,200}}?{CLOSE},?\s+(?:in|at|by)\s+(?P<outlet>{_PLACE})$",
        # A, an affiliation, writing for O
        rf"^(?P<author>{_NAME})(?:,\s+[^:]{{1,120}}?)?,?\s+(?:writing|reporting|columnist|writer|contributor)\s+(?:for|in|at|on)\s+(?P<outlet>{_PLACE})(?:,?\s+{VERBS})?$",
        # A argues in O
        rf"^(?P<author>{_NAME})(?:,\s+[^:]{{1,120}}?)?,?\s+{VERBS}\s+(?:for|in|at|on)\s+(?P<outlet>{_PLACE})$",
        # @handle on X
        r"^(?P<author>@[\w.]{1,40}|[^@,:]{2,60}\(@[\w.]{1,40}\))\s*(?:,|\bon\b|\bat\b|\bvia\b)\s*(?P<outlet>[A-Z][\w.]*(?:\s[A-Z]\w*)?)$",
        # A of O writes
        rf"^(?P<author>{_NAME})\s+(?:in|at|of|for|from|with)\s+(?P<outlet>{_PLACE})(?:,?\s+{VERBS})?$",
        # Writing in O, A argues
        rf"^[Ww]riting\s+(?:in|for|at|on)\s+(?P<outlet>{_PLACE}),\s+(?P<author>{_NAME})(?:\s+{VERBS})?$",
        # O's A writes
        rf"^(?P<outlet>{_PLACE})(?:’s|'s)\s+(?P<author>{_NAME})(?:\s+{VERBS})?$",
        # by A, O
        rf"^[Bb]y\s+(?P<author>{_NAME})(?:,|\s+(?:in|at|for|of))\s+(?P<outlet>{_PLACE})$",
        # A, O, argues
        rf"^(?P<author>{_NAME}),\s+(?P<outlet>{_PLACE}),?\s+{VERBS}$",
    )
)
OUTLET_FORMS = tuple(
    re.compile(form)
    for form in (
        # the editorial board of O; the editors of O
        rf"^(?P<author>(?:[Tt]he\s+)?(?:[Ee]ditorial\s+[Bb]oard|[Ee]ditors))\s+(?:of|at|for|in)\s+(?P<outlet>{_PLACE})(?:\s+{VERBS})?$",
        # O editorial board
        rf"^(?:[Tt]he\s+(?=the\b))?(?P<outlet>{_PLACE})(?:’s|'s)?\s+(?P<author>(?:[Ee]ditorial\s+[Bb]oard|[Ee]ditors|EDITORIAL BOARD))(?:\s+{VERBS})?$",
        # O (State), on topic
        rf"^(?P<outlet>{_PLACE})(?:\s+\([^()]{{1,40}}\),?|,)\s+on\s+[^:]{{2,160}}$",
        rf"^(?P<outlet>{_PLACE})\s+\((?!The\s)[A-Z][^()]{{1,40}}\)$",
        # As O put it; According to O; O writes
        rf"^(?:[Aa]s|[Aa]ccording to|[Ff]rom|[Vv]ia|[Ss]ource:|[Ii]n)\s+(?P<outlet>{_PLACE})(?:,?\s+{VERBS})?$",
        rf"^(?P<outlet>{_PLACE})\s+{VERBS}$",
    )
)
TELLING = re.compile(
    r"\s(?:in|at|of|for|from|with|on|by|via|editorial|editors|board)\s|[(’'@]|^(?:[Aa]s|[Vv]ia|[Ii]n|[Bb]y|[Ff]rom)\s|(?:[a-z]s|ed|te|it|ors|oard|OARD)$",
    re.IGNORECASE,
)
"""What every one of these forms has somewhere, so that most lines need not be tried against them all."""

_SAYING = rf"{VERBS}|doubts?|doubted|fears?|feared|hopes?|hoped|wonders?|wondered|calls?|called|sees?|saw|wants?|wanted|points?|pointed"
SENTENCES = tuple(
    re.compile(form)
    for form in (
        # (Writing) in O, A wrote that …
        rf"^(?P<writing>[Ww]riting\s+)?(?:[Ii]n|[Ff]or|[Aa]t|[Oo]n)\s+(?P<outlet>{_PLACE}),\s+(?P<author>{_NAME})\s+(?P<verb>{_SAYING})\b.*$",
        # A argued in O that …
        rf"^(?P<author>{_NAME})\s+(?P<verb>{VERBS})\s+(?:in|for|at|on)\s+(?P<outlet>{_PLACE})\s+(?:that|how|why|about|against|for|on|this)\b.*$",
        # A of O says that …; A, writing in O, says …
        rf"^(?P<author>{_NAME}),?\s+(?P<writing>writing\s+(?:in|for|at)|of|at|from|in)\s+(?P<outlet>{_PLACE}),?\s+(?P<verb>{_SAYING})\b.*$",
        # O's A says …
        rf"^(?P<outlet>{_PLACE})(?:’s|'s)\s+(?P<author>{_NAME})\s+(?P<verb>{_SAYING})\b.*$",
        # The editorial board of O says …
        rf"^(?P<author>(?:[Tt]he\s+)?(?:[Ee]ditorial\s+[Bb]oard|[Ee]ditors))\s+(?P<writing>of|at)\s+(?P<outlet>{_PLACE})\s+(?P<verb>{_SAYING})\b.*$",
    )
)
WRITES = re.compile(r"(?:wrote|writes?|argue[ds]?|contend(?:s|ed)?|opine[ds]?)$")
PAPER = re.compile(
    r"\b(?:Times|Post|Journal|Ledger|Herald|Tribune|News|Review|Gazette|Standard|Examiner|Chronicle|Dispatch|Courier|Globe|Star|Sun|"
    r"Mail|Telegraph|Observer|Guardian|Independent|Mirror|Record|Register|Reporter|Press|Bulletin|Inquirer|Sentinel|Monitor|Weekly|"
    r"Daily|Magazine|Today|Wire|Radio|TV|Quarterly|Spectator|Statesman|Mercury|Advocate|Argus|Echo|Beacon|Compass|Lantern|Substack)$"
)
HEADLINE_FIRST = re.compile(rf"^{OPEN}[^“”\"]{{1,250}}{CLOSE},?\s+(?:(?:by|from)\s+)?")
JOINS_NAMES = re.compile(r"(?:^|\s)(?:and|&)\s")
AFFILIATION = re.compile(r"\b(?:of|for|in|at|the|to)\b")
NO_NAME = frozenset(
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
"""Words that open sentences, and hardly ever names."""

ALSO_NAMES = frozenset({"an", "can", "do", "does", "few", "most", "no", "so", "will", "yes", "you"})
"""Those of them that are names as well: An Nguyen, Will Saletan, Can Dündar."""

BY = re.compile(
    r"^(?:(?:guest\s+)?(?:opinion|essay|column|analysis|commentary|op-ed|editorial|review|story|words|text|written|post)\s+)?by[\s:]+",
    re.IGNORECASE,
)
LABELLED_AUTHOR = re.compile(
    rf"{BY.pattern}|^(?:authors?|writer|columnist|analysis|opinion|essay|commentary|photo|column|review|guest\s+\w+)\s*:\s*|^(?:excerpted|adapted|quoted)\s+from\s+",
    re.IGNORECASE,
)
SEPARATORS = re.compile(r"\s*[,;|\n]\s*|\s+[–—-]\s+|\s*[–—]\s*|\s*:\s+|/(?=[A-Z])|\s+via\s+(?=[A-Z0-9])")
PREPOSITIONS_TOO = re.compile(rf"{SEPARATORS.pattern}|\s+(?:on|in|at|for|from|to)\s+(?=[A-Z0-9]|the\s)")
BRACKETED = re.compile(r"\s*[(\[]([^()\[\]]{2,60})[)\]]")
EDGES = re.compile(r"^(?:[\s*_“”\"'’]|(?:in|at|for|via|on|from)\s)+|[\s*_“”\"]+$")
TITLE_WITHIN = re.compile(rf",?\s*{OPEN}[^“”\"]{{2,160}}{CLOSE},?")
REMARK_BEHIND = re.compile(r"\s*\((?:[a-z][^()]*)\)$")
NAME_AND_BRACKET = re.compile(r"^(?P<author>[^()]{3,60}?)\s+\((?P<outlet>[^()]{3,60})\)$")
QUOTE_FOLLOWS = re.compile(rf":\s*{OPEN}")
PREPOSITION = re.compile(r"^(?:in|at|for|via|from|on)\s+(?=[A-Z0-9]|the\s)")
JOINED = re.compile(r"^(?:and|&)\s+")
COMPANY = re.compile(r"[A-Z][\w.'’-]*(?:\s[A-Z][\w.'’-]*){1,3}\s(?:&|and)\s(?:co\.?|others|colleagues)$")
SOURCE = re.compile(r"^(?:[Ss]ource|SOURCE|[Ff]rom|[Vv]ia)\s*:\s*")
