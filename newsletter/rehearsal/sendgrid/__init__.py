"""A SendGrid that stands on loopback and behaves badly by a seeded plan: for demo, rehearsal, tests and benches.

`Provider` takes Mail Send requests, checks them as SendGrid does (`contract`), keeps a log of its own that judges crash
tests (`log`), delivers into a local inbox if it is given one, and posts signed events to a webhook (`events`); `plan`
says which requests fare badly and how.
"""

from newsletter.rehearsal.sendgrid.events import Key
from newsletter.rehearsal.sendgrid.log import Log, Taken, read_log
from newsletter.rehearsal.sendgrid.plan import Ill, Plan
from newsletter.rehearsal.sendgrid.provider import Provider

__all__ = ["Ill", "Key", "Log", "Plan", "Provider", "Taken", "read_log"]
