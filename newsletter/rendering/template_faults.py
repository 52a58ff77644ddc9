"""What can be wrong with a template: each fault has a code, a reason and a place in the template's own files."""

from __future__ import annotations

from newsletter.errors import InputError, place
from newsletter.findings import Finding, Severity

_E = Severity.ERROR
CODES: dict[str, tuple[Severity, str]] = {
    "TEMPLATE-FILE": (_E, "A file that is missing, too large, no text or from elsewhere: a template is whole or it is none."),
    "TEMPLATE-SYNTAX": (_E, "Jinja2 cannot read this, so nothing can be rendered."),
    "TEMPLATE-NAME": (_E, "A name that does not exist would print nothing; Jinja2's StrictUndefined refuses it."),
    "TEMPLATE-FAILS": (_E, "Filling the template in failed, so nothing can be rendered."),
    "TEMPLATE-INCLUDE": (_E, "Only the template's own and the shared files are read, so that its hash covers all of it."),
    "TEMPLATE-MALFORMED": (_E, "The compiler accepts mismatched tags and drops or repeats what stands between them."),
    "TEMPLATE-ELEMENT": (_E, "The compiler passes unknown elements on into the e-mail, where they do nothing."),
    "TEMPLATE-PARENT": (_E, "MJML gives each element its places (mjml-validator); elsewhere the layout falls apart."),
    "TEMPLATE-ATTRIBUTE": (_E, "The compiler ignores attributes that it does not know, so a slip of the finger never shows."),
    "TEMPLATE-REQUIRED": (_E, "Language, direction, sizes and addresses have no defaults that are right."),
    "TEMPLATE-ALT": (_E, "Where images are off or not seen, this text is all there is (WCAG 2.2, 1.1.1); empty for ornaments."),
    "TEMPLATE-COLOR": (_E, "Six hexadecimal digits are what every mail program reads; three are not expanded, names differ."),
    "TEMPLATE-MEASURE": (_E, "A measure without its unit, or with a wrong one, is dropped by mail programs."),
    "TEMPLATE-VALUE": (_E, "The compiler passes on values that mean nothing, and mail programs drop them."),
    "TEMPLATE-URL": (_E, "An e-mail has no page that an address could be relative to; scripts and data are refused."),
    "TEMPLATE-CONTENT": (_E, "Text or elements where MJML expects none are lost."),
    "TEMPLATE-WIDTHS": (_E, "Columns of more than their section's width wrap under each other, of less leave a gap."),
    "TEMPLATE-UNSUPPORTED": (_E, "The reference allows it, but our compiler or the design of an edition does not."),
    "TEMPLATE-FETCHES": (_E, "An edition loads no styles or fonts: they fail in most mail programs and tell on the reader."),
    "TEMPLATE-CSS": (_E, "Only plain rules can be inlined; rules for screens and states belong in an mj-style (screen.css)."),
    "TEMPLATE-DEPTH": (_E, "Outlook and the compiler both break on deep nesting; no layout needs it."),
    "TEMPLATE-SIZE": (_E, "What is this large is a runaway loop; Gmail cuts an e-mail at 102 KB."),
    "TEMPLATE-COMPILER": (_E, "The MJML compiler refused what the check let pass."),
    "TEMPLATE-UNSUBSCRIBE": (_E, "Every copy shows how to leave the list, in both parts (16 CFR 316; Gmail's sender rules)."),
    "TEMPLATE-HEAD": (_E, "A notice has a subject and perhaps a preheader; neither differs from reader to reader."),
    "TEMPLATE-LINK": (_E, "A notice that does not show the link it is mailed for, in both parts, is of no use."),
    "TEMPLATE-WORDS": (_E, "A template may set quotes as it likes, but never lose or move a word of them."),
}  # fmt: skip
"""Severity and reason of every code that a template can get; documentation and `check rule` are made from it."""

CORRECT = "Correct the template"


class FaultyTemplateError(InputError):
    """A fault of a template, at a place in one of its files; `finding` is the same for lists of findings."""

    def __init__(
        self,
        code: str,
        what: str,
        *,
        file: str,
        line: int | None = None,
        column: int | None = None,
        remedy: str = CORRECT,
    ) -> None:
        super().__init__(what, where=place(file, line, column), remedy=remedy)
        severity, why = CODES[code]
        message = what if remedy == CORRECT else f"{what}. {remedy}"
        self.finding = Finding(
            code=code, severity=severity, message=message, file=file, line=line, column=column, why=why
        )
