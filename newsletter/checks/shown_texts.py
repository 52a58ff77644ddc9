"""Every text of an issue that readers see, each with the place where an editor can change it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from newsletter.checks.spots import IssueFiles, Spot
from newsletter.issues.model import Issue, Quote, Section
from newsletter.issues.naming import ISSUE_FILE


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text, what it is in a word or two, and how to find a stretch of it in the editors' files."""

    text: str
    kind: str
    locate: Callable[[str], Spot]

    def spot(self, start: int = 0, end: int | None = None) -> Spot:
        """Where the stretch between two offsets stands, as near as can be known."""
        whole = self.locate(self.text)
        if (
            whole.column is not None
            and whole.end_column is not None
            and whole.end_column - whole.column == len(self.text)
        ):
            stop = len(self.text) if end is None else end
            return replace(whole, column=whole.column + start, end_column=whole.column + stop)
        return self.locate(self.text[start:end])


def shown_texts(issue: Issue, files: IssueFiles) -> Iterator[ShownText]:
    """Title, subject and preheader, each section with its quotes, the blocks; what the editors left out is not shown."""
    yield ShownText(issue.title, "title", lambda text: head_spot(files, text, "title"))
    if issue.subject != issue.title:
        yield ShownText(issue.subject, "subject", lambda text: head_spot(files, text, "subject", "title"))
    if files.has_key("preheader"):
        yield ShownText(issue.preheader, "preheader", lambda text: head_spot(files, text, "preheader"))
    for section in issue.sections:
        yield from _of_section(section, files)
    for number, block in enumerate(issue.blocks):
        for key, text in (("heading", block.heading), ("text", block.text), ("link_text", block.link_text or "")):
            for line in text.split("\n"):
                if line.strip():
                    yield ShownText(line, f"block’s {key}", _in_block(files, number, key))


def head_spot(files: IssueFiles, text: str, *keys: str) -> Spot:
    """Where title, subject or preheader stand: the first of `keys` in `issue.toml` that is given, else the roundup."""
    for key in keys:
        if files.has_key(key):
            return files.key(key, value=text)
    return files.text(text) or Spot(file=ISSUE_FILE, line=1, column=1)


def quote_spot(files: IssueFiles, quote: Quote, text: str = "") -> Spot:
    """Where `text` of a quote stands in its file; without it, the quote's first line."""
    first, last = quote.lines
    found = files.text(text, file=quote.file, first=first, last=last)
    return found or Spot(file=quote.file, line=first, column=1)


def _of_section(section: Section, files: IssueFiles) -> Iterator[ShownText]:
    for kind, text in (("heading", section.heading), ("stance", section.stance or "")):
        if text:
            yield ShownText(text, kind, _anywhere(files))
    for text in section.prose:
        yield ShownText(text, "text", _anywhere(files))
    for quote in section.quotes:
        for text in (*quote.paragraphs, *quote.attribution.split("\n")):
            if text:
                yield ShownText(text, "quote", _in_quote(files, quote))


def _anywhere(files: IssueFiles) -> Callable[[str], Spot]:
    return lambda text: files.text(text) or Spot(file=ISSUE_FILE, line=1, column=1)


def _in_quote(files: IssueFiles, quote: Quote) -> Callable[[str], Spot]:
    return lambda text: quote_spot(files, quote, text)


def _in_block(files: IssueFiles, number: int, key: str) -> Callable[[str], Spot]:
    return lambda text: files.key("blocks", number, key, value=text)
