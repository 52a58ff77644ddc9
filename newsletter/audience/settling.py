"""What becomes of the people in a batch of rows: who joins, who stays as they are, who must stay out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from sqlalchemy import Connection, and_, bindparam, insert, select, update

from newsletter.audience.enrolling import Held, Noted, enrol, holdings, note_steps
from newsletter.audience.files.people_rows import Claim
from newsletter.audience.labelling_many import Labeller
from newsletter.audience.people import Person
from newsletter.audience.suppressions import Fingerprint, suppressed
from newsletter.store.among import among_texts
from newsletter.store.statuses import ConsentStep, SubscriptionStatus, SuppressionReason
from newsletter.store.tables import Instant, subscription, suppression


class Fate(StrEnum):
    """What became of a row that was no reject. Suppressed people are counted by reason instead.

    ADDED joined; CONFIRMED had yet to confirm, and the file's consent holds for them; ENDED were subscribed here, and
    the file says that they have left since; UNSUBSCRIBED and UNCONFIRMED stand so, here or by the file, and get no
    mail; DUPLICATE repeat an earlier row.
    """

    ADDED = "added"
    CONFIRMED = "confirmed"
    ALREADY = "already"
    ENDED = "ended"
    UNSUBSCRIBED = "unsubscribed"
    UNCONFIRMED = "unconfirmed"
    DUPLICATE = "duplicates"


@dataclass(kw_only=True, slots=True)
class Tally:
    """Rows by what became of them."""

    fates: Counter[Fate] = field(default_factory=Counter)
    suppressed: Counter[SuppressionReason] = field(default_factory=Counter)

    def __iadd__(self, other: Tally) -> Self:
        self.fates.update(other.fates)
        self.suppressed.update(other.suppressed)
        return self


_ADD, _CONFIRM, _END, _BAR, _LABEL = "add", "confirm", "end", "bar", "label"
_STAND: Mapping[SubscriptionStatus, Fate] = {
    SubscriptionStatus.SUBSCRIBED: Fate.ADDED,
    SubscriptionStatus.UNSUBSCRIBED: Fate.UNSUBSCRIBED,
    SubscriptionStatus.UNCONFIRMED: Fate.UNCONFIRMED,
}
_CHANGE = (
    update(subscription)
    .where(
        and_(
            subscription.c.list_id == bindparam("list"),
            subscription.c.subscriber_id == bindparam("person"),
            subscription.c.status == bindparam("before"),
        )
    )
    .values(status=bindparam("after"), changed_at=bindparam("changed", type_=Instant))
)
_BARRED = select(suppression.c.address_key, suppression.c.reason).where(among_texts(suppression.c.address_key, "keys"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Settler:
    """Settles batch after batch of one import.

    Args:
        list_id: the list that they may join.
        noted: what the evidence says of those who do.
        fingerprint: knows erased people by their keyed hash.
        evidence: what is kept beside a suppression that the file brings.
        confirmed: the consent holds for people who have yet to confirm here, too.
        labeller: adds tags and attributes.
    """

    list_id: int
    noted: Noted
    fingerprint: Fingerprint | None
    evidence: str
    confirmed: bool
    labeller: Labeller = field(default_factory=Labeller)

    def settle(
        self, connection: Connection, claims: Mapping[str, Claim], repeats: Collection[str], *, dry_run: bool
    ) -> Tally:
        """Settle `claims` by the keys of their addresses; `repeats` are those that earlier batches had, too.

        A dry run only counts; nothing is written, and so nobody of an earlier batch is found here.
        """
        barred = suppressed(connection, claims.keys(), fingerprint=self.fingerprint)
        held = holdings(connection, self.list_id, claims.keys())
        tally = Tally()
        to_do: dict[str, list[str]] = {_ADD: [], _CONFIRM: [], _END: [], _BAR: [], _LABEL: []}
        for key, claim in claims.items():
            mine = held.get(key)
            if key in repeats and (dry_run or key in barred or (mine and mine.status)):
                tally.fates[Fate.DUPLICATE] += 1
            elif (reason := barred.get(key)) or claim.bars:
                tally.suppressed[reason or claim.bars[0]] += 1
                self._bar(key, claim, reason, mine, to_do)
            else:
                tally.fates[self._judge(key, claim, mine, to_do)] += 1
        if not dry_run:
            self._write(connection, claims, held, to_do)
        return tally

    def _bar(
        self, key: str, claim: Claim, reason: SuppressionReason | None, mine: Held | None, to_do: dict[str, list[str]]
    ) -> None:
        """Of an erased person nothing may be written: that would bring the address back."""
        if reason is not SuppressionReason.ERASED and claim.bars:
            to_do[_BAR].append(key)
            # Our own export: they are on the list, and get nothing from it.
            if reason is None and claim.enrolment and (mine is None or mine.status is None):
                to_do[_ADD].append(key)

    def _judge(self, key: str, claim: Claim, mine: Held | None, to_do: dict[str, list[str]]) -> Fate:
        status = mine.status if mine else None
        wanted = claim.status or SubscriptionStatus.UNSUBSCRIBED
        if status is None:
            to_do[_ADD].append(key)
            return _STAND[wanted]
        if status is SubscriptionStatus.SUBSCRIBED:
            if wanted is SubscriptionStatus.UNSUBSCRIBED and self._later(claim, mine):
                to_do[_END].append(key)
                return Fate.ENDED
            to_do[_LABEL].append(key)
            return Fate.ALREADY
        if status is SubscriptionStatus.UNCONFIRMED and wanted is SubscriptionStatus.SUBSCRIBED and self.confirmed:
            to_do[_CONFIRM].append(key)
            return Fate.CONFIRMED
        return _STAND[status]

    @staticmethod
    def _later(claim: Claim, mine: Held | None) -> bool:
        """Whether they left after they joined here; where the file has no date, its word counts."""
        when = claim.enrolment.changed_at if claim.enrolment and claim.dated else None
        return when is None or mine is None or mine.changed_at is None or when > mine.changed_at

    def _write(
        self,
        connection: Connection,
        claims: Mapping[str, Claim],
        held: Mapping[str, Held],
        to_do: Mapping[str, list[str]],
    ) -> None:
        joining = [one for key in to_do[_ADD] if (one := claims[key].enrolment)]
        numbers = enrol(connection, self.list_id, joining, held, self.noted)
        self._change(connection, claims, held, to_do[_CONFIRM], ConsentStep.IMPORTED)
        self._change(connection, claims, held, to_do[_END], ConsentStep.LEFT)
        if to_do[_BAR]:
            self._suppress(connection, claims, to_do[_BAR])
        known = frozenset(one.subscriber_id for one in held.values())
        stayed = {key: held[key].subscriber_id for key in (*to_do[_LABEL], *to_do[_CONFIRM])}
        labelled = [(number, claims[key].person) for key, number in (numbers | stayed).items()]
        self.labeller.label(connection, [one for one in labelled if _has_labels(one[1])], known=known)

    def _change(
        self,
        connection: Connection,
        claims: Mapping[str, Claim],
        held: Mapping[str, Held],
        keys: Sequence[str],
        step: ConsentStep,
    ) -> None:
        if not keys:
            return
        ends = step is ConsentStep.LEFT
        before, after = SubscriptionStatus.UNCONFIRMED, SubscriptionStatus.SUBSCRIBED
        if ends:
            before, after = SubscriptionStatus.SUBSCRIBED, SubscriptionStatus.UNSUBSCRIBED
        rows = [
            {
                "list": self.list_id,
                "person": held[key].subscriber_id,
                "before": before.value,
                "after": after.value,
                "changed": _changed(claims[key]) if ends else None,
            }
            for key in keys
        ]
        for row in rows:
            row["changed"] = row["changed"] or self.noted.at
        connection.execute(_CHANGE, rows)
        noted = Noted(what=step, how=self.noted.how, wording_id=self.noted.wording_id, at=self.noted.at)
        note_steps(connection, self.list_id, [held[key].subscriber_id for key in keys], noted)

    def _suppress(self, connection: Connection, claims: Mapping[str, Claim], keys: Sequence[str]) -> None:
        known = {(key, reason) for key, reason in connection.execute(_BARRED, {"keys": list(keys)})}
        rows = [
            {"address_key": key, "reason": bar.value, "at": self.noted.at, "evidence": self.evidence}
            for key in keys
            for bar in claims[key].bars
            if (key, bar.value) not in known
        ]
        if rows:
            connection.execute(insert(suppression), rows)


def _changed(claim: Claim) -> object:
    return claim.enrolment.changed_at if claim.enrolment else None


def _has_labels(person: Person) -> bool:
    return bool(person.tags or person.attributes)
