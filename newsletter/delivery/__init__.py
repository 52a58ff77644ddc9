"""Handing the mail over: the ledger that survives a kill, the worker that keeps it, the senders that do the handing.

`release` freezes the audience, `Worker` claims, sends and records until nothing is pending; `ledger` has the
statements. The promise: kill any process at any moment, and nobody is lost, nobody is mailed twice, and what cannot be
known is counted and shown.
"""

from newsletter.delivery.copies import Copies
from newsletter.delivery.progress import OnProgress, Progress
from newsletter.delivery.release import Audience, release, survey
from newsletter.delivery.senders.smtp import SmtpSender
from newsletter.delivery.signals import stopping
from newsletter.delivery.worker import Worker

__all__ = ["Audience", "Copies", "OnProgress", "Progress", "SmtpSender", "Worker", "release", "stopping", "survey"]
