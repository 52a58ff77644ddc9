"""Each reader's copy of an edition, in its envelope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from newsletter.delivery.evidence import attempt_name
from newsletter.delivery.ledger import Claimed
from newsletter.delivery.return_path import return_path
from newsletter.delivery.senders.base import Envelope, Handed
from newsletter.publishing import Mailing
from newsletter.rendering import (
    Compiled,
    Edition,
    MailingHeaders,
    Recipient,
    Substituted,
    compile_message,
    compile_substitutions,
)
from newsletter.tokens import TokenKeys


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """An edition compiled for one mailing. Threads may share it."""

    compiled: Compiled
    body: Substituted
    mailing: Mailing
    mail_from: str
    keys: TokenKeys

    @classmethod
    def of(cls, edition: Edition, mailing: Mailing, keys: TokenKeys) -> Self:
        """Compile once; `envelope` then only joins.

        The Message-ID holds mailing, edition and delivery and is the same on every attempt, so that a receiver that
        gets a message again can drop it.
        """
        headers = MailingHeaders(
            message_id_prefix=f"{mailing.id}-{mailing.edition_digest[:12]}",
            message_id_domain=edition.from_address.rpartition("@")[2],
            date=mailing.created_at,
            list_name=mailing.list_name,
            list_title=mailing.list_title,
        )
        return cls(
            compiled=compile_message(edition, headers),
            body=compile_substitutions(edition, headers),
            mailing=mailing,
            mail_from=edition.from_address,
            keys=keys,
        )

    def envelope(self, claimed: Claimed, *, bounces: str | None = None) -> Envelope:
        """The message for one reader.

        Args:
            claimed: the delivery.
            bounces: the address from which that of this attempt's bounces is made; None: they go to the From address.

        Raises:
            InputError: the reader's name or address cannot stand in a message.
        """
        message = self.compiled.join(self._recipient(claimed))
        mail_from = self.mail_from
        if bounces is not None:
            mail_from = return_path(bounces, claimed.delivery_id, claimed.fence, self.keys)
        return Envelope(mail_from=mail_from, rcpt_to=claimed.address, message=message)

    def handed(self, claimed: Claimed) -> Handed:
        """What a sender of chunks gets for one reader."""
        return Handed(
            body=self.body,
            recipient=self._recipient(claimed),
            mailing=str(self.mailing.id),
            attempt=attempt_name(claimed.chunk_id, claimed.fence),
        )

    def _recipient(self, claimed: Claimed) -> Recipient:
        return Recipient(
            delivery=claimed.delivery_id,
            address=claimed.address,
            name=claimed.name,
            leave=self.keys.leave(claimed.subscriber_id, self.mailing.list_id),
            track=self.keys.track(claimed.subscriber_id, self.mailing.id),
            since=claimed.since,
        )
