"""Handing the mail over: the ledger that survives a kill, the worker that keeps it, the senders that do the handing.

`release` freezes the audience, `Worker` claims, sends and records until nothing is pending, `StandBy` puts one on each
mailing that is being sent; `ledger` and `evidence` have the statements, `control` is for people who step in. The
promise: kill any process at any moment, and nobody is lost, nobody is mailed twice, and what cannot be known is counted
and shown.
"""

from newsletter.delivery.copies import Copies
from newsletter.delivery.progress import OnProgress, Progress
from newsletter.delivery.release import Audience, release, survey
from newsletter.delivery.senders.smtp import SmtpSender
from newsletter.delivery.signals import stopping
from newsletter.delivery.standing_by import StandBy
from newsletter.delivery.worker import Worker

__all__ = [
    "Audience",
    "Copies",
    "OnProgress",
    "Progress",
    "SmtpSender",
    "StandBy",
    "Worker",
    "release",
    "stopping",
    "survey",
]
