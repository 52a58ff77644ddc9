"""Importing subscribers from a file of separated values: streamed, in batches, safe to run again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, insert

from newsletter.audience import lists
from newsletter.audience.enrolling import Consent, enrol, standings
from newsletter.audience.names import clean_name
from newsletter.audience.people import Person, read_person
from newsletter.audience.read_csv import CsvFile, Layout, Row, open_csv
from newsletter.audience.rejects import Reject, RejectFile
from newsletter.audience.seen import Seen
from newsletter.audience.suppressions import Fingerprint, suppressed
from newsletter.clock import Clock
from newsletter.errors import InputError
from newsletter.store import Store
from newsletter.store.statuses import SubscriptionStatus, SuppressionReason
from newsletter.store.tables import audit

Progress = Callable[[int, int], None]
"""Is told the rows done and the rows in all, after each batch."""

BATCH = 4000
"""Rows of one transaction. It holds the right to write for about 0.1 s (measured), so that no worker has to wait."""
_SAMPLES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportResult:
    """What became of every row: the counts below add up to `rows`.

    `already` are on the list; `duplicates` repeat a person of an earlier row; `unsubscribed` left the list and only
    they can come back; `unconfirmed` have yet to press the button in their mail; `suppressed` counts by reason.
    `rejects` is the file of the rejected rows, None where there are none or in a dry run. `columns` tells which
    heading (or place) means what; `sample` and `sample_rejects` are the first few. `encoding_guessed` tells that
    nothing in the file proves its encoding.
    """

    list_name: str
    sha256: str
    encoding: str
    encoding_guessed: bool
    delimiter: str
    columns: Mapping[str, str]
    rows: int
    added: int
    already: int
    duplicates: int
    unsubscribed: int
    unconfirmed: int
    suppressed: Mapping[SuppressionReason, int]
    rejected: int
    rejects: Path | None
    sample: tuple[Person, ...]
    sample_rejects: tuple[Reject, ...]
    dry_run: bool

    @property
    def balances(self) -> bool:
        """Whether no row is unaccounted for."""
        settled = self.added + self.already + self.duplicates + self.unsubscribed + self.unconfirmed
        return self.rows == settled + sum(self.suppressed.values()) + self.rejected


def import_csv(
    store: Store,
    path: Path,
    *,
    list_name: str,
    consent: str,
    rejects: Path,
    clock: Clock,
    progress: Progress | None = None,
    dry_run: bool = False,
    actor: str = "import",
    fingerprint: Fingerprint | None = None,
) -> ImportResult:
    """Subscribe the people in the file at `path` to a list.

    The file is judged as a whole before anything is written; then each batch is one transaction, and running it again
    adds only who is missing. It never changes what is known of a subscriber, and brings nobody back who left or is
    suppressed.

    Args:
        store: the database.
        path: comma, semicolon, tab or bar between the fields; with headings or without; see `EncodingJudge`.
        list_name: an existing list.
        consent: the words that people agreed to, or how it is known that they did; where blank, the record says so.
        rejects: where rows that cannot be taken are kept, with number, line and reason.
        clock: gives the instant recorded as that of the consent.
        progress: see `Progress`.
        dry_run: read and count all, write nothing.
        actor: who is named in the audit.
        fingerprint: knows erased people by their keyed hash.

    Raises:
        InputError: the file cannot be used, there is no such list, or `rejects` cannot be written. Nothing was changed.
            Also where the file is changed while it is read, or the database fails half-way: then earlier batches stay,
            and running it again adds the rest.
    """
    target = lists.require(store, list_name)
    _refuse_same_file(path, rejects)
    with open_csv(path) as source, RejectFile(rejects, source.layout) as kept:
        evidence = _consent(consent, path, source.layout.sha256, clock)
        run = _Run(store=store, target=target, consent=evidence, kept=kept, fingerprint=fingerprint, dry_run=dry_run)
        run.read(source, progress)
        place = None if dry_run else kept.keep()
        result = run.result(source.layout, place)
    if result.added and not dry_run:
        _record(store, target, path, result, actor=actor, clock=clock)
    return result


@dataclass(kw_only=True, slots=True)
class _Run:
    """One import under way."""

    store: Store
    target: lists.MailingList
    consent: Consent
    kept: RejectFile
    fingerprint: Fingerprint | None
    dry_run: bool
    rows: int = 0
    added: int = 0
    duplicates: int = 0
    standing: Counter[SubscriptionStatus] = field(default_factory=Counter)
    suppressed: Counter[SuppressionReason] = field(default_factory=Counter)
    sample: list[Person] = field(default_factory=list)
    sample_rejects: list[Reject] = field(default_factory=list)
    _batch: dict[str, Person] = field(default_factory=dict)
    _seen: Seen = field(default_factory=Seen)
    _repeats: set[str] = field(default_factory=set)

    def read(self, source: CsvFile, progress: Progress | None) -> None:
        """Take all rows."""
        layout = source.layout
        width = len(layout.header) if layout.header is not None else None
        for row in source.rows():
            self._take(row, layout, width)
            if row.number % BATCH == 0:
                self._flush()
                if progress:
                    progress(row.number, layout.rows)
        self._flush()
        if progress:
            progress(layout.rows, layout.rows)

    def _take(self, row: Row, layout: Layout, width: int | None) -> None:
        self.rows += 1
        if row.fault:
            self._reject(row, row.fault)
            return
        try:
            person = read_person(row.fields, layout.columns, width=width)
        except InputError as error:
            self._reject(row, error.what)
            return
        key = person.address.key
        if key in self._batch:
            self.duplicates += 1
            return
        if not self._seen.add(key):
            self._repeats.add(key)
        self._batch[key] = person
        if len(self.sample) < _SAMPLES:
            self.sample.append(person)

    def _reject(self, row: Row, reason: str) -> None:
        reject = self.kept.add(row, reason)
        if len(self.sample_rejects) < _SAMPLES:
            self.sample_rejects.append(reject)

    def _flush(self) -> None:
        if self._batch:
            with self.store.reading() if self.dry_run else self.store.writing(alone=True) as connection:
                self._settle(connection)
        self._batch.clear()
        self._repeats.clear()

    def _settle(self, connection: Connection) -> None:
        barred = suppressed(connection, self._batch, fingerprint=self.fingerprint)
        stand = standings(connection, self.target.id, self._batch)
        joining = []
        for key, person in self._batch.items():
            status = stand.statuses.get(key)
            if key in self._repeats and (self.dry_run or key in barred or status):
                self.duplicates += 1
            elif key in barred:
                self.suppressed[barred[key]] += 1
            elif status:
                self.standing[status] += 1
            else:
                joining.append(person)
        if not self.dry_run:
            enrol(connection, self.target.id, joining, stand, self.consent)
        self.added += len(joining)

    def result(self, layout: Layout, rejects: Path | None) -> ImportResult:
        """What became of the rows."""
        return ImportResult(
            list_name=self.target.name,
            sha256=layout.sha256,
            encoding=layout.encoding.name,
            encoding_guessed=layout.encoding.guessed,
            delimiter=layout.delimiter,
            columns=_named(layout),
            rows=self.rows,
            added=self.added,
            already=self.standing[SubscriptionStatus.SUBSCRIBED],
            duplicates=self.duplicates,
            unsubscribed=self.standing[SubscriptionStatus.UNSUBSCRIBED],
            unconfirmed=self.standing[SubscriptionStatus.UNCONFIRMED],
            suppressed=dict(self.suppressed),
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


def _consent(text: str, path: Path, sha256: str, clock: Clock) -> Consent:
    # 300 characters are the column's; a file name may have 255 bytes, and its end is what tells it from others.
    name = clean_name(path.name.encode("utf-8", "replace").decode()[-150:])
    said = text.strip() or f"Imported from {name} without the words of the consent"
    return Consent(text=said, source=f"import {name} sha256:{sha256}", at=clock())


def _named(layout: Layout) -> dict[str, str]:
    places = layout.columns.places()
    if layout.header is None:
        return {meaning: f"column {place + 1}" for meaning, place in places.items()}
    return {meaning: layout.header[place].strip() for meaning, place in places.items()}


def _record(
    store: Store, target: lists.MailingList, path: Path, result: ImportResult, *, actor: str, clock: Clock
) -> None:
    detail = {"file": path.name.encode("utf-8", "replace").decode(), "sha256": result.sha256, "added": result.added}
    row = {
        "at": clock(),
        "actor": actor,
        "action": "subscriber.import",
        "subject": f"list:{target.id}",
        "detail": detail,
    }
    with store.writing() as connection:
        connection.execute(insert(audit).values(row))
