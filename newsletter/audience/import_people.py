"""Importing subscribers from a file: streamed, in batches, safe to run again."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, insert

from newsletter.audience import lists
from newsletter.audience.batches import Batch, Batches
from newsletter.audience.enrolling import Consent, Noted
from newsletter.audience.evidence import wording_of
from newsletter.audience.files.headings import Meaning
from newsletter.audience.files.people_file import PeopleFile, Said, open_people
from newsletter.audience.files.people_rows import Claim, ClaimReader
from newsletter.audience.files.rejects import Reject, RejectFile
from newsletter.audience.files.rows import Layout, Row
from newsletter.audience.labelling_many import Labeller
from newsletter.audience.names import clean_name
from newsletter.audience.seen import Seen
from newsletter.audience.settling import Fate, Settler, Tally
from newsletter.audience.suppressions import Fingerprint
from newsletter.clock import Clock
from newsletter.errors import InputError
from newsletter.store import Store
from newsletter.store.audience_tables import attribute, subscriber_tag
from newsletter.store.statuses import ConsentStep, ConsentWay, SuppressionReason
from newsletter.store.tables import audit, subscriber, subscription

Progress = Callable[[int, int], None]
"""Is told the rows done and the rows in all, after each batch."""

BATCH = 4000
"""Rows of one transaction. It holds the right to write for about 0.15 s (measured), so that no worker has to wait."""
_SAMPLES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportResult:
    """What became of every row: `fates`, `suppressed` (by reason) and `rejected` add up to `rows`.

    `rejects` is the file of the rejected rows, None where there are none or in a dry run. `sample` and `sample_rejects`
    are the first few. `added` is the first of the fates, by itself.
    """

    list_name: str
    layout: Layout
    rows: int
    fates: Mapping[Fate, int]
    suppressed: Mapping[SuppressionReason, int]
    rejected: int
    rejects: Path | None
    sample: tuple[Claim, ...]
    sample_rejects: tuple[Reject, ...]
    dry_run: bool

    @property
    def added(self) -> int:
        """How many joined the list."""
        return self.fates[Fate.ADDED]

    @property
    def balances(self) -> bool:
        """Whether no row is unaccounted for."""
        return self.rows == sum(self.fates.values()) + sum(self.suppressed.values()) + self.rejected


def import_people(
    store: Store,
    path: Path,
    *,
    list_name: str,
    consent: str | None,
    rejects: Path,
    clock: Clock,
    said: Said | None = None,
    confirmed: bool = False,
    progress: Progress | None = None,
    dry_run: bool = False,
    actor: str = "import",
    fingerprint: Fingerprint | None = None,
    ask: Callable[[PeopleFile], str] | None = None,
) -> ImportResult:
    """Subscribe the people in the file at `path` to a list.

    The file is judged as a whole before anything is written; then each batch is one transaction, and running it again
    adds only who is missing. Names, zones and all else that is known of a subscriber stays; tags are added, and attributes
    that they lack. Nobody is brought back who left or is suppressed. Whom the file calls unsubscribed, unconfirmed or
    suppressed is kept as such, so that no other file brings them in.

    Args:
        store: the database.
        path: separated values or JSON lines; see `files.people_file`.
        list_name: an existing list.
        consent: the words that people agreed to, or how it is known that they did; it holds for rows that have no
            consent of their own. None: such rows are rejected. Blank: the record says that nothing was stated.
        rejects: where rows that cannot be taken are kept, with number, line and reason.
        clock: gives the instant recorded as that of the import, and of consents without a date.
        said: what a person says of the file.
        confirmed: `consent` holds for people whom the file or the list calls unconfirmed, too.
        progress: see `Progress`.
        dry_run: read and count all, write nothing.
        actor: who is named in the audit.
        fingerprint: knows erased people by their keyed hash.
        ask: asks for the consent once the file is found readable; only where `consent` is None and the file has none.

    Raises:
        InputError: the file cannot be used, there is no such list, or `rejects` cannot be written. Nothing was changed.
            Also where the file is changed while it is read, or the database fails half-way: then the batches that were
            written stay, and running it again adds the rest.
    """
    target = lists.require(store, list_name)
    _refuse_same_file(path, rejects)
    if confirmed and not (consent or "").strip():
        raise InputError("no consent is stated that could stand for a confirmation", remedy="State how it is known")
    with open_people(path, said) as source, RejectFile(rejects, source.layout) as kept:
        if consent is None and ask is not None and Meaning.CONSENT not in source.layout.columns.places:
            consent = ask(source)
        evidence = _consent(consent, path, source.layout.sha256, clock)
        run = _Run(
            store=store,
            settler=_settler(store, target, evidence, confirmed=confirmed, fingerprint=fingerprint, dry_run=dry_run),
            reader=ClaimReader(source.layout, evidence, confirmed=confirmed),
            kept=kept,
            dry_run=dry_run,
        )
        with _seldom_collected():
            run.read(source, progress)
        place = None if dry_run else kept.keep()
        result = run.result(target, source.layout, place)
    if result.added and not dry_run:
        _record(store, target, path, result, actor=actor, clock=clock)
    return result


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for cycles seldom. An import makes millions of objects and no cycle among them; looking took a fifth of its
    time, and finding nothing saved no memory (measured).
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@dataclass(kw_only=True, slots=True)
class _Run:
    """One import under way."""

    store: Store
    settler: Settler
    reader: ClaimReader
    kept: RejectFile
    dry_run: bool
    rows: int = 0
    tally: Tally = field(default_factory=Tally)
    sample: list[Claim] = field(default_factory=list)
    sample_rejects: list[Reject] = field(default_factory=list)
    _batch: dict[str, Claim] = field(default_factory=dict)
    _seen: Seen = field(default_factory=Seen)
    _repeats: set[str] = field(default_factory=set)

    def read(self, source: PeopleFile, progress: Progress | None) -> None:
        """Take all rows."""
        rows = source.layout.rows

        def settled(batch: Batch, tally: Tally) -> None:
            self.tally += tally
            if progress:
                progress(batch.to, rows)

        with Batches(self.store, self.settler, dry_run=self.dry_run, settled=settled) as batches:
            for row in source.rows():
                self._take(row)
                if row.number % BATCH == 0:
                    batches.put(self._made(row.number))
            batches.put(self._made(rows))
            batches.finish()

    def _take(self, row: Row) -> None:
        self.rows += 1
        if row.fault:
            self._reject(row, row.fault)
            return
        try:
            claim = self.reader.read(row.fields)
        except InputError as error:
            self._reject(row, error.what)
            return
        key = claim.person.address.key
        if key in self._batch:
            self.tally.fates[Fate.DUPLICATE] += 1
            return
        if not self._seen.add(key):
            self._repeats.add(key)
        self._batch[key] = claim
        if len(self.sample) < _SAMPLES:
            self.sample.append(claim)

    def _reject(self, row: Row, reason: str) -> None:
        reject = self.kept.add(row, reason)
        if len(self.sample_rejects) < _SAMPLES:
            self.sample_rejects.append(reject)

    def _made(self, to: int) -> Batch:
        """The batch that ends here; the next one begins."""
        made = Batch(claims=self._batch, repeats=frozenset(self._repeats), to=to)
        self._batch = {}
        self._repeats.clear()
        return made

    def result(self, target: lists.MailingList, layout: Layout, rejects: Path | None) -> ImportResult:
        """What became of the rows."""
        return ImportResult(
            list_name=target.name,
            layout=layout,
            rows=self.rows,
            fates={fate: self.tally.fates[fate] for fate in Fate},
            suppressed=dict(self.tally.suppressed),
            rejected=self.kept.count,
            rejects=rejects,
            sample=tuple(self.sample),
            sample_rejects=tuple(self.sample_rejects),
            dry_run=self.dry_run,
        )


def _refuse_same_file(path: Path, rejects: Path) -> None:
    if os.path.realpath(path) == os.path.realpath(rejects):
        raise InputError(
            "the file to import cannot take the rejected rows", where=str(path), remedy="Name another file"
        )


def _consent(text: str | None, path: Path, sha256: str, clock: Clock) -> Consent:
    # 300 characters are the column's; a file name may have 255 bytes, and its end is what tells it from others.
    name = _shown(path)
    said = "" if text is None else text.strip() or f"Imported from {name} without the words of the consent"
    return Consent(text=said, source=f"import {name} sha256:{sha256}", at=clock())


def _shown(path: Path) -> str:
    return clean_name(path.name.encode("utf-8", "replace").decode()[-150:])


def _settler(
    store: Store,
    target: lists.MailingList,
    evidence: Consent,
    *,
    confirmed: bool,
    fingerprint: Fingerprint | None,
    dry_run: bool,
) -> Settler:
    def words(connection: Connection) -> int:
        return wording_of(connection, text=evidence.text, source=evidence.source)

    noted = Noted(
        what=ConsentStep.IMPORTED,
        how=ConsentWay.IMPORT,
        wording_id=None if dry_run else store.write(words),
        at=evidence.at,
    )
    return Settler(
        list_id=target.id,
        noted=noted,
        fingerprint=fingerprint,
        evidence=evidence.source,
        confirmed=confirmed,
        labeller=Labeller(apart=None if store.is_sqlite else store),
    )


def _record(
    store: Store, target: lists.MailingList, path: Path, result: ImportResult, *, actor: str, clock: Clock
) -> None:
    row = {
        "at": clock(),
        "actor": actor,
        "action": "subscriber.import",
        "subject": f"list:{target.id}",
        "detail": {"file": _shown(path), "sha256": result.layout.sha256, "added": result.added},
    }
    with store.writing() as connection:
        connection.execute(insert(audit).values(row))
        if result.added >= BATCH:
            for table in (subscriber, subscription, subscriber_tag, attribute):
                store.take_stock(connection, table)
