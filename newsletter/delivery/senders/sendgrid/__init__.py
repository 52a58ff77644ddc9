"""The SendGrid sender: chunks of up to 1,000 deliveries, each chunk one request (Mail Send, v3) where nothing forbids it.

`sender` ties it together; `requests` builds bodies within the provider's limits, `wire` carries them with a total
deadline, `answers` says what an answer means, `webhook` verifies the signed events. We schedule and SendGrid sends at
once (no `send_at`), so that stopping works. There is no idempotency key: what may have arrived is never sent again.
"""

from newsletter.delivery.senders.sendgrid.sender import SendGridConnection, SendGridSender
from newsletter.delivery.senders.sendgrid.webhook import SignatureError, Verifier

__all__ = ["SendGridConnection", "SendGridSender", "SignatureError", "Verifier"]
