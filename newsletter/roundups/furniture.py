"""Lines that come along when a web page or a mail is pasted and are no content: sign-up lines, form messages, promotions."""

from __future__ import annotations

import re

from newsletter.roundups.lines import has_mark, only_ellipsis

_LINE = re.compile(
    r"""^[\s>*_#•|\-–—→➡👉]*(?:
    (?:see|read|view|browse|explore)\s+(?:all\s+)?(?:(?:our|the)\s+)?(?:past|previous|older|earlier|recent|more)\s+(?:issues?|editions?|newsletters?|posts?)
  | (?:past|previous|next)\s+(?:issues?|editions?)\b
  | (?:see|view|read|open)\s+(?:this\s+)?(?:e-?mail|issue|newsletter|post)?\s*(?:in|on)\s+(?:(?:your|a|the)\s+)?(?:web\s?)?(?:browser|web|app)\b
  | view\s+online | read\s+(?:this\s+)?online | read\s+in\s+app | open\s+in\s+(?:app|browser)
  | (?:click\s+here\s+to\s+)?(?:un)?subscribe\b | sign\s*-?up\b | sign\s+me\s+up | log\s?in\b | create\s+(?:a\s+)?(?:free\s+)?account
  | join\s+(?:us\b|our\b|the\b|over\b|more\s+than\b|\d[\d,.]*\+?).*(?:readers?|subscribers?|newsletter|list|community|today|inbox|free|\d)
  | (?:get|receive|have)\b.*\b(?:in|to)\s+your\s+inbox
  | (?:bring|delivered)\b.*\binbox\b
  | become\s+a\s+(?:member|subscriber|patron|supporter)
  | enter\s+your\s+e-?mail | your\s+e-?mail(?:\s+address)?\s*[:*]?$ | e-?mail\s+address\s*[:*]?$
  | thank\s+you!?\s+your\s+(?:submission|subscription|message)\b | thanks?\s+for\s+(?:subscribing|signing|reading|joining)\b
  | oops!?\s+something\s+went\s+wrong\b | something\s+went\s+wrong\s+while\s+submitting
  | please\s+(?:check\s+your\s+(?:inbox|e-?mail)|enter\s+a\s+valid)
  | (?:sponsored|presented|supported|powered|brought\s+to\s+you)\s+by\b | together\s+with\b | a\s+(?:word|message)\s+from\s+our\s+(?:sponsor|partner)s?
  | (?:today.?s|this)\s+(?:issue|edition|newsletter|sponsor)\s+(?:is\s+)?(?:sponsored|presented|brought|supported|sponsor)\b
  | our\s+sponsors?\b | sponsor(?:ed)?\s*(?:content|post|message)?\s*(?::.*)?$ | advertisements?\s*$ | ad\s*$ | paid\s+(?:promotion|post|content)\b | partner\s+content\b
  | share\s+(?:this|on|via|with|the)\b | forward\s+(?:this|to)\b | tweet\s+(?:this|it) | follow\s+us\b | like\s+us\s+on\b | find\s+us\s+on\b
  | (?:was\s+this|did\s+someone)\s+forward(?:ed)?\b | (?:were\s+you\s+)?forwarded\s+this\b
  | (?:did\s+you\s+)?(?:enjoy|like|love)(?:d|ing)?\s+(?:this|what\s+you(?:.?re|\s+are)?\s+read(?:ing)?|the|today.?s)\b.*(?:issue|newsletter|edition|read|share|friend|subscribe)
  | refer\s+(?:a|your)\s+friends? | tell\s+(?:a|your)\s+friends?\b | invite\s+(?:a|your)\s+friends?
  | (?:support|donate\s+to)\s+(?:us|our|the\s+\w+\s+by)\b | donate\b | make\s+a\s+(?:tax-deductible\s+)?(?:donation|contribution)
  | (?:©|\(c\)|copyright)\s | all\s+rights\s+reserved | privacy\s+policy | terms\s+(?:of\s+(?:use|service)|and\s+conditions) | manage\s+(?:your\s+)?(?:preferences|subscription)
  | you(?:.re|\s+are)\s+receiving\s+this\b | update\s+your\s+(?:preferences|profile)\b | contact\s+us\s*$ | about\s+us\s*$ | skip\s+to\s+(?:main\s+)?content
  | (?:facebook|twitter|instagram|linkedin|youtube|tiktok|threads|share|tweet|print|e-?mail|comments?|home|menu|search|loading\.*)\s*$
  | (?:today|now)\s+only\s*: | use\s+(?:the\s+)?(?:promo\s+)?code\b | limited[- ]time\s+offer | (?:special|exclusive)\s+offer | (?:\d+%|half)\s+off\b
  | \d[\d,.]*\+?\s+(?:readers|subscribers)\b
  | (?:continue|keep)\s+reading\b | read\s+(?:it\b|more\b|on\b|the\s+(?:full|whole|rest|entire)\b).{0,40}$ | (?:full|whole)\s+(?:story|piece|article|column)\s+here\b.*
  | (?:listen|watch)\s+(?:to\s+this|here|now)\b.{0,40}$ | sent\s+from\s+my\s+\w+
)""",
    re.IGNORECASE | re.VERBOSE,
)
_LETTER = re.compile(
    r"^[\s>*_#•|\-–—]*(?:(?:a|an)\s+)?(?:(?:open|personal|quick|special|brief|short)\s+)?(?:letter|note|message|word|thank\s+you)\s+from\s+"
    r"(?:(?:our|the|your)\s+)?(?:co-?)?(?:founders?|publisher|ceo|team|editor|editors|director)\b",
    re.IGNORECASE,
)
_SALUTATION = re.compile(
    r"^(?:dear|hello|hi|hey)\s+(?:\w+\s+){0,3}(?:readers?|friends?|subscribers?|all|everyone|flippers?|community)\b\s*(?:[,:;!–—.-]|$)",
    re.IGNORECASE,
)
_ANYWHERE = re.compile(
    r"\bin(?:to)?\s+(?:your|their|my)\s+in-?box|\b(?:sign\s*-?up|subscribe)\s+(?:for\s+)?(?:free|today|here|now)\b|"
    r"\b(?:brought\s+to\s+you|sponsored|presented)\s+by\b|\bforwarded\s+(?:you\s+)?this\s+(?:e-?mail|newsletter|issue)",
    re.IGNORECASE,
)
_RULER = re.compile(r"[\s*=_~•·\-–—―#|+>.:\u200b\u200c\u200d\ufeff]+")
_LONGEST = 400


def is_furniture(text: str) -> bool:
    """Whether the line is a sign-up tagline, a form's message, a promotion, a sponsor's line or the like."""
    if len(text) > _LONGEST:
        return False
    return _LINE.match(text) is not None or (_ANYWHERE.search(text) is not None and not has_mark(text))


def is_ruler(text: str) -> bool:
    """Whether the line is drawn and not written: `***`, `====`, a bullet, a lone `>`."""
    return _RULER.fullmatch(text) is not None and not only_ellipsis(text)


def opens_letter(text: str) -> bool:
    """Whether the line begins a letter of the founder's or the team's, whose paragraphs are set aside with it."""
    return len(text) <= _LONGEST and (_LETTER.match(text) is not None or _SALUTATION.match(text) is not None)
