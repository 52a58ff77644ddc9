"""The codes of other stations as rules, so that every code the system can say has its explanation in one place.

Severity and reason of the roundup's codes come from the reader's own table; the others are told by their stations.
"""

from __future__ import annotations

from newsletter.checks.rule import Group, Rule
from newsletter.checks.set_up import RULES as SET_UP
from newsletter.findings import Severity
from newsletter.rendering.template_faults import CODES as TEMPLATE_CODES
from newsletter.roundups.review import CODES

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

ROUNDUP: dict[str, tuple[str, str]] = {
    "QUOTE-NO-ATTRIBUTION": ("quote without a source", "Write `Author, Outlet` on a line of its own under the quote"),
    "ATTRIBUTION-NO-QUOTE": ("source without a quote", "Put the quote above that line, or take the line out"),
    "TEXT-NO-ROLE": (
        "text of no known role",
        "Make it a quote with its source, a heading or a stance line, or take it out",
    ),
    "SIDE-UNDECIDED": ("side undecided", "Decide it with `newsletter issue side SLUG`"),
    "SIDES-FEWER-THAN-TWO": (
        "fewer than two sides",
        "Add quotes of another side, or decide the sides of those that have none",
    ),
    "QUOTE-OPENER-MISSING": ("opening mark missing", "Put the opening mark back"),
    "QUOTE-UNCLOSED": ("closing mark missing", "Look whether the quote’s end is there, then close it"),
    "QUOTE-CLOSED-EARLY": (
        "quote closed early",
        "Take the closing mark out where the quote goes on, or name the source of the first part",
    ),
    "QUOTE-ENDS-ELLIPSIS": (
        "quote trails off",
        "Look whether a paragraph is missing; close the quote if it is whole",
    ),
    "MARKS-COLLIDE": (
        "quotation marks touch",
        "Divide the line between the two marks if a paragraph ended there",
    ),
    "MARKS-MIXED": ("straight and curly marks", "Write all quotation marks in one way"),
    "OUTLET-UNKNOWN": ("unknown outlet", "Correct its spelling, or add it to outlets.toml"),
    "OUTLET-ALONE": ("outlet without an author", "Name the author, or `Editorial Board`, before the outlet"),
    "HEADING-EMPTY": ("heading with nothing under it", "Put quotes under it, or take it out"),
    "TWICE-LINE": ("line twice", "Take one of the two out"),
    "TWICE-QUOTE": ("quote twice", "Take one of the two out, or leave one out in issue.toml"),
    "TWICE-AUTHOR": ("author twice", "Choose another voice, or keep it on purpose"),
    "TWICE-OUTLET": ("outlet twice", "Choose another voice, or keep it on purpose"),
    "QUOTE-LONG": ("long quote", "Shorten it; the limit is `longest_quote_words` in newsletter.toml"),
    "BALANCE-QUOTES": (
        "quotes out of balance",
        "Add or leave out quotes until the two are within one of each other",
    ),
    "BALANCE-WORDS": (
        "words out of balance",
        "Shorten or lengthen until neither has more than one and a half times the other’s words",
    ),
    "TITLE-MISSING": ("no title", "Write a title above the text, or give one in issue.toml"),
    "DATE-MISSING": ("no date", "Write the date above the text, or give `--date`"),
    "DATE-NO-YEAR": ("date without a year", "Add the year, or check `date` in issue.toml"),
    "FURNITURE-LEFT": (
        "line set aside",
        "Nothing, if the line is no content. Otherwise write it as a quote or stance line",
    ),
    "TEXT-MISDECODED": (
        "mis-decoded characters",
        "Copy the text again, or write the repaired characters that the finding shows",
    ),
    "BRACKET-UNMATCHED": ("unmatched bracket", "Add the bracket that is missing, or take the other one out"),
    "BRACKET-CAPITAL": ("capital after a bracketed edit", "Write the next word small, unless it is a name"),
}

_ISSUE = {
    "ISSUE-NO-TITLE": (
        _W,
        "issue without a title",
        "Readers choose by the title, and the subject is made from it.",
        "Give `title` in issue.toml",
    ),
    "ISSUE-DECISION-ORPHAN": (
        _W,
        "decision without its quote",
        "A decision without its quote or heading does nothing; it is kept in case the quote comes back.",
        "Move the decision to the quote’s new id (`newsletter issue show SLUG` lists the ids), or take its line out",
    ),
    "ISSUE-FILE-UNUSED": (
        _I,
        "file that is no part of the issue",
        "A file in the folder that looks like a roundup is not named under `roundups`.",
        "Name it under `roundups` in issue.toml, or move it away",
    ),
    "ISSUE-DATE-DIFFERS": (
        _I,
        "roundup of another day",
        "The roundup names another day than the issue has.",
        "Nothing, if the issue is meant for its own day. Otherwise correct `date` in issue.toml",
    ),
    "ISSUE-DATE-GUESSED": (
        _W,
        "date that was guessed",
        "The date stands in the e-mail’s head, and each list gets one issue a date.",
        "Check `date` in issue.toml",
    ),
}

_GATE = {
    "GATE-SUBJECT-EMPTY": (
        _E,
        "no subject",
        "A mail without a subject looks like spam.",
        "Give `title` or `subject` in issue.toml",
    ),
    "GATE-POSTAL-ADDRESS": (
        _E,
        "no postal address",
        "Commercial mail must name one (CAN-SPAM Act, 15 U.S.C. 7704(a)(5)).",
        "Set `postal_address` under [newsroom] in newsletter.toml",
    ),
    "GATE-AUDIENCE-EMPTY": (
        _E,
        "nobody can be mailed",
        "Nobody on the list can be mailed: it has no subscribers, or all are excluded.",
        "Import subscribers, or name the list that was meant; `newsletter list show` counts them",
    ),
    "GATE-AUDIENCE-SIZE": (
        _E,
        "unusual number of readers",
        "It would go to a fifth more or fewer readers than usual: a broken import or a wrong list, more often than news.",
        "See where the difference comes from; if the number is right, type it, or name it with `--expect N`",
    ),
    "GATE-ALREADY-SENT": (
        _E,
        "sent already",
        "A list gets one issue a date. It had that day’s issue already, or another edition of it is half-way.",
        "Half-way: undo what was changed and send again. Sent: give the issue another date",
    ),
    "GATE-SLOT-TAKEN": (
        _E,
        "slot is taken",
        "A list gets one issue a date, and another one is scheduled for that date.",
        "Take the other one back with `newsletter issue unschedule`, or choose another date with `--at`",
    ),
    "GATE-OTHER-EDITION": (
        _E,
        "another edition was looked at",
        "What was looked at is what is sent: any edit makes another edition, which has to be looked at again.",
        "See what changed with `newsletter issue diff SLUG`; then test and approve it, or undo the edit",
    ),
    "GATE-NOT-TESTED": (
        _E,
        "not tested",
        "Somebody has to have seen this very edition in an inbox before all readers do.",
        "Send it to yourself: `newsletter issue test SLUG --to ADDRESS`. `tested` under [approval] is the rule",
    ),
    "GATE-NOT-APPROVED": (
        _E,
        "not approved",
        "The newsroom’s rules ask for people who answer for this very edition with their name.",
        "`newsletter issue approve SLUG`, each with their own token. `needed` under [approval] says how many",
    ),
    "GATE-SIDE-NOT-APPROVED": (
        _E,
        "a side has not approved",
        "The newsroom’s rules ask for an approval from each of these sides.",
        "Ask a user of that side. `sides` under [approval] is the rule, `newsletter user list` shows who speaks for which",
    ),
    "GATE-AUTHOR-UNKNOWN": (
        _E,
        "author not named",
        "The author’s own approval does not count here, so it must be known who that is.",
        "Add `author` to issue.toml. `by_author` under [approval] is the rule",
    ),
}

_TEMPLATE = {
    "TEMPLATE-FILE": ("file that cannot be used", "Put the file into the template’s folder, as UTF-8 text"),
    "TEMPLATE-SYNTAX": ("Jinja2 that cannot be read", "Close what is opened: {{ … }}, {% if %} … {% endif %}"),
    "TEMPLATE-NAME": ("name that does not exist", "Use a name that docs/reference/templates.md lists"),
    "TEMPLATE-FAILS": ("filling in fails", "Correct the expression; test first whether the value is there"),
    "TEMPLATE-INCLUDE": ("include from elsewhere", "Include .mjml, .css and .txt files of this template, or shared/…"),
    "TEMPLATE-MALFORMED": ("markup that is not well-formed", "Close each element; write & as &amp;"),
    "TEMPLATE-ELEMENT": ("unknown element", "Use an element of MJML; HTML goes into mj-text or mj-raw"),
    "TEMPLATE-PARENT": ("element in the wrong place", "Put it into the element that the finding names"),
    "TEMPLATE-ATTRIBUTE": ("unknown attribute", "Correct its spelling, or take it out"),
    "TEMPLATE-REQUIRED": ("attribute missing", "Add the attribute that the finding names"),
    "TEMPLATE-ALT": ("image without a text", 'Add alt: what the image says, or "" for an ornament'),
    "TEMPLATE-COLOR": ("wrong colour", "Write six hexadecimal digits, such as #1d5c96"),
    "TEMPLATE-MEASURE": ("wrong measure", "Write the number with its unit, such as 20px"),
    "TEMPLATE-VALUE": ("wrong value", "Use one of the values that the finding names"),
    "TEMPLATE-URL": ("address that is not whole", "Write the whole address, from https:// on"),
    "TEMPLATE-CONTENT": ("content where none belongs", "Move it into an mj-text"),
    "TEMPLATE-WIDTHS": ("widths that do not add up", "Let the columns of a section come to 100 %"),
    "TEMPLATE-UNSUPPORTED": ("feature that editions do without", "Do without it; the finding says what to use"),
    "TEMPLATE-FETCHES": ("something fetched from outside", "Take @import, @font-face and url() out"),
    "TEMPLATE-CSS": ("CSS that cannot be inlined", "Move rules with @, : or url() into the mj-style (screen.css)"),
    "TEMPLATE-DEPTH": ("nested too deeply", "Take elements out of each other"),
    "TEMPLATE-SIZE": ("too large", "Look for a loop that repeats more than it should"),
    "TEMPLATE-COMPILER": ("compiler gave up", "Simplify the template; please report it too"),
    "TEMPLATE-UNSUBSCRIBE": ("no way to leave the list", "Show {{ slots.leave_url }} in body.mjml and in body.txt"),
    "TEMPLATE-HEAD": (
        "head that is no subject",
        "Give head.txt one line for the subject, and at most one for the preheader",
    ),
    "TEMPLATE-LINK": ("notice without its link", "Show the link that the finding names in body.mjml and in body.txt"),
    "TEMPLATE-WORDS": ("words lost or moved", "Show every paragraph of every quote, whole and in order"),
}

RULES = (
    *(
        Rule(
            code=code,
            severity=severity,
            group=Group.STRUCTURE,
            title=f"template: {_TEMPLATE[code][0]}" if code in _TEMPLATE else "fault in a template",
            why=why,
            fix=_TEMPLATE[code][1] if code in _TEMPLATE else "Correct the template where the finding points",
        )
        for code, (severity, why) in TEMPLATE_CODES.items()
    ),
    *(
        Rule(code=code, severity=severity, group=Group.CONTENT, title=ROUNDUP[code][0], why=why, fix=ROUNDUP[code][1])
        for code, (severity, why) in CODES.items()
    ),
    *(
        Rule(code=code, severity=severity, group=group, title=title, why=why, fix=fix)
        for group, table in ((Group.CONTENT, _ISSUE), (Group.GATE, _GATE))
        for code, (severity, title, why, fix) in table.items()
    ),
    *SET_UP,
)
