"""The catalogues of the readers' pages: what has to be said, taken from the sources, and what is still to be translated."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "newsletter" / "web"
FOLDER = WEB / "locale"
NAME = "newsletter.po"
_METHODS = [("public/**.py", "python"), ("translating.py", "python"), ("templates/public/**.html", "jinja2")]
_OPTIONS = {"templates/public/**.html": {"trimmed": "true", "encoding": "utf-8"}}
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "marked": None}

_NOISE: tuple[bytes, ...] = (
    b'"POT-Creation-Date',
    b'"PO-Revision-Date',
    b'"Generated-By',
    b'"Last-Translator',
    b'"Report-Msgid',
    b'"Language-Team',
    b"#",
)
"""What changes without any words changing: dates, names of tools, the head's comment."""


def template() -> Catalog:
    """What the sources say, in the order of their files."""
    found = Catalog(project="newsletter", fuzzy=False)
    messages = extract_from_dir(
        WEB, method_map=_METHODS, options_map=_OPTIONS, keywords=_KEYWORDS, comment_tags=("L:",)
    )
    for file, _line, words, comments, context in messages:
        # Without line numbers: a catalogue changes when the words do, and not when something above them does.
        found.add(words, None, [(file, 0)], auto_comments=comments, context=context)
    return found


def path_of(language: str) -> Path:
    """Where a language's catalogue is."""
    return FOLDER / language / "LC_MESSAGES" / NAME


def languages() -> list[str]:
    """The languages that have one."""
    return sorted(path.parent.parent.name for path in FOLDER.glob(f"*/LC_MESSAGES/{NAME}"))


def updated(language: str) -> Catalog:
    """The catalogue as it is, with what the sources say now; a new one where there is none."""
    path = path_of(language)
    if path.exists():
        with path.open("rb") as file:
            known = read_po(file, locale=language)
    else:
        known = Catalog(locale=Locale.parse(language), project="newsletter", fuzzy=False)
    known.update(template(), no_fuzzy_matching=True, update_creation_date=False)
    known.obsolete.clear()
    known.fuzzy = False
    return known


def written(catalogue: Catalog) -> bytes:
    """The catalogue as a file, the same on every machine."""
    out = BytesIO()
    write_po(out, catalogue, width=120, omit_header=False, sort_output=False, include_lineno=False)
    lines = out.getvalue().split(b"\n")
    return b"\n".join(
        line for line in lines if not line.startswith(_NOISE) or line.startswith((b"#: ", b"#, "))
    ).lstrip()


def faults(language: str) -> list[str]:
    """What is wrong with a catalogue: out of step with the sources, not translated, or with other placeholders."""
    catalogue = updated(language)
    found = [] if path_of(language).read_bytes() == written(catalogue) else ["is out of step: run scripts/translate"]
    for message in catalogue:
        if not message.id:
            continue
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        if not all(said):
            found.append(f"not translated: {message.id}")
        found += [f"{error}: {message.id}" for error in message.check(catalogue)]
    return found


def main(arguments: list[str]) -> int:
    """Bring the catalogues up to date, or say what is wrong with them; `scripts/translate fr` begins a new one."""
    if arguments == ["--check"]:
        told = [f"{language}: {fault}" for language in languages() for fault in faults(language)]
        print("\n".join(told) or f"Complete: {', '.join(languages())}", file=sys.stderr if told else sys.stdout)
        return 1 if told else 0
    for language in [*languages(), *(name for name in arguments if name not in languages())]:
        path_of(language).parent.mkdir(parents=True, exist_ok=True)
        path_of(language).write_bytes(written(updated(language)))
        missing = sum(fault.startswith("not translated") for fault in faults(language))
        print(f"{language}: {missing} still to be translated")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
