"""What changed from one edition to another, in words and not in markup. Needs the two frozen editions alone. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from newsletter.rendering.change import Change, Kind, What, added, removed, replaced, reworded
from newsletter.rendering.edition import Edition
from newsletter.rendering.outline import BlockLine, Outline, SectionLine, outline_of
from newsletter.rendering.quote_difference import compare_quotes

_HEADERS = (
    (What.SUBJECT, "The subject", "subject"),
    (What.PREHEADER, "The preheader", "preheader"),
    (What.SENDER, "The sender’s name", "from_name"),
    (What.SENDER, "The sender’s address", "from_address"),
    (What.SENDER, "The address for answers", "reply_to"),
    (What.SETTING, "The language", "language"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """From `before` to `after`, digests both. `changes` is empty where they are one and the same."""

    before: str
    after: str
    changes: tuple[Change, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """The difference as plain data."""
        return {"before": self.before, "after": self.after, "changes": [change.as_dict() for change in self.changes]}


def compare(before: Edition, after: Edition) -> Difference:
    """What changed, in the order in which a reader meets it; then what it was made with."""
    if before == after:
        return Difference(before=before.digest, after=after.digest)
    changes = [*_headers(before, after), *_contents(before, after), *_makings(before.manifest, after.manifest)]
    if not changes:
        changes = list(_unseen(before.manifest, after.manifest))
    return Difference(before=before.digest, after=after.digest, changes=tuple(changes))


def _headers(before: Edition, after: Edition) -> Iterator[Change]:
    old, new = before.manifest.get("title", ""), after.manifest.get("title", "")
    # The subject is the title unless somebody gave another: then one change is enough.
    if old != new and (old, new) != (before.subject, after.subject):
        yield reworded(What.TITLE, "The title", old, new)
    for what, name, attribute in _HEADERS:
        was, now = getattr(before, attribute) or "", getattr(after, attribute) or ""
        if was != now:
            yield reworded(what, name, was, now)
    for what, name, key in ((What.DATE, "The date", "date"), (What.AUTHOR, "The author", "author")):
        if before.manifest.get(key) != after.manifest.get(key):
            yield replaced(what, name, before.manifest.get(key), after.manifest.get(key))


def _contents(before: Edition, after: Edition) -> Iterator[Change]:
    old, new = outline_of(before.manifest), outline_of(after.manifest)
    if old is None or new is None:
        was, now = _plain(before), _plain(after)
        if was != now:
            yield reworded(What.TEXT, "The text part", was, now)
        return
    yield from _sections(old, new)
    yield from compare_quotes(old.quotes, new.quotes)
    yield from _blocks(old.blocks, new.blocks)


def _plain(edition: Edition) -> str:
    """The text part with the readers' slots as dots: their markers differ from edition to edition."""
    return "".join(text + ("…" if slot else "") for text, slot in edition.slots.split(edition.text))


def _sections(old: Outline, new: Outline) -> Iterator[Change]:
    for was, now in _paired(old.sections, new.sections):
        if was is None and now is not None:
            yield added(What.SECTION, f"The section {now.name!r}", now.stance or now.prose)
        elif now is None and was is not None:
            yield removed(What.SECTION, f"The section {was.name!r}", was.stance or was.prose)
        elif was is not None and now is not None:
            yield from _section(was, now)


def _section(was: SectionLine, now: SectionLine) -> Iterator[Change]:
    under = f" under {now.heading!r}" if now.heading else " of the introduction"
    if was.heading != now.heading:
        yield reworded(What.SECTION, "A heading", was.heading, now.heading)
    if was.side != now.side:
        yield replaced(What.SIDE, f"The side of {now.name!r}", was.side, now.side)
    if was.stance != now.stance:
        yield reworded(What.SECTION, f"The stance line{under}", was.stance, now.stance)
    if was.prose != now.prose:
        yield reworded(What.SECTION, f"The editors’ words{under}", was.prose, now.prose)


def _paired(
    old: Sequence[SectionLine], new: Sequence[SectionLine]
) -> Iterator[tuple[SectionLine | None, SectionLine | None]]:
    """Sections of the same heading, in the new order; of the others, as many as both have, in their order."""
    known = Counter(section.heading for section in old) & Counter(section.heading for section in new)
    rest_known = Counter(known)
    same: dict[str, list[SectionLine]] = {}
    others: list[SectionLine] = []
    for section in old:
        if rest_known[section.heading]:
            rest_known[section.heading] -= 1
            same.setdefault(section.heading, []).append(section)
        else:
            others.append(section)
    for section in new:
        if same.get(section.heading):
            yield same[section.heading].pop(0), section
        else:
            yield (others.pop(0) if others else None), section
    for section in others:
        yield section, None


def _blocks(old: Sequence[BlockLine], new: Sequence[BlockLine]) -> Iterator[Change]:
    gone = [block for block in old if block not in new]
    come = [block for block in new if block not in old]
    for block in gone:
        successor = next((one for one in come if one.kind == block.kind), None)
        if successor is None:
            yield removed(What.BLOCK, _block_name(block), block.text)
            continue
        come.remove(successor)
        yield from _block(block, successor)
    for block in come:
        yield added(What.BLOCK, _block_name(block), block.text)
    if not gone and not come and list(old) != list(new):
        yield replaced(What.BLOCK, "The order of the blocks", ", ".join(map(_short, old)), ", ".join(map(_short, new)))


def _block(was: BlockLine, now: BlockLine) -> Iterator[Change]:
    name = _block_name(now)
    if was.heading != now.heading:
        yield reworded(What.BLOCK, f"The heading of {name[0].lower()}{name[1:]}", was.heading, now.heading)
    if was.text != now.text:
        yield reworded(What.BLOCK, name, was.text, now.text)
    if (was.link, was.link_text) != (now.link, now.link_text):
        link = f"The link of {name[0].lower()}{name[1:]}"
        yield replaced(What.LINK, link, _link(was), _link(now))


def _block_name(block: BlockLine) -> str:
    return f"The block {_short(block)!r}"


def _short(block: BlockLine) -> str:
    return block.heading or block.kind


def _link(block: BlockLine) -> str | None:
    return f"{block.link_text} <{block.link}>".strip() if block.link else None


def _makings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Template, settings and versions."""
    yield from _template(before, after)
    old, new = _flat(before.get("settings", {})), _flat(after.get("settings", {}))
    if old and new:
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key) and key not in _TOLD:
                yield replaced(What.SETTING, f"The setting {key}", old.get(key), new.get(key))
    was, now = before.get("versions", {}), after.get("versions", {})
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            yield replaced(What.VERSION, f"The version of {name}", was.get(name), now.get(name))


_TOLD = frozenset({"newsroom.from_name", "newsroom.from_address", "newsroom.reply_to", "newsroom.language"})
"""Settings that the edition's headers have told of already."""


def _template(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = before.get("template", {}), after.get("template", {})
    if old.get("name") != new.get("name"):
        yield replaced(What.TEMPLATE, "The template", old.get("name"), new.get("name"))
        return
    was, now = before.get("template_files"), after.get("template_files")
    if old.get("sha256") == new.get("sha256"):
        return
    if was is None or now is None:
        yield Change(what=What.TEMPLATE, kind=Kind.CHANGED, sentence=f"The template {new.get('name')} changed.")
        return
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            kind = Kind.ADDED if name not in was else Kind.REMOVED if name not in now else Kind.CHANGED
            words = {Kind.ADDED: "was added", Kind.REMOVED: "was taken out", Kind.CHANGED: "changed"}[kind]
            sentence = f"The template’s file {new.get('name')}/{name} {words}."
            yield Change(what=What.TEMPLATE, kind=kind, sentence=sentence)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _unseen(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Where the bytes differ and nothing that a reader meets does: the files that are not the same."""
    old = {entry["name"]: entry["sha256"] for entry in before.get("inputs", ())}
    new = {entry["name"]: entry["sha256"] for entry in after.get("inputs", ())}
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            sentence = f"{name} changed, in a way that readers do not see."
            yield Change(what=What.FILE, kind=Kind.CHANGED, sentence=sentence)
    if old == new:
        yield Change(what=What.TEXT, kind=Kind.CHANGED, sentence="The bytes differ, and nothing that readers see does.")
