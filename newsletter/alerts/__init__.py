"""Alerts: what a person of the newsroom should know now. One place that raises, deduplicates, reminds and resolves.

Whoever notices raises, in the transaction in which it acts; of each code and subject one alert is open at a time.
`announce` writes what there is to tell as notices and webhook calls; the worker sends them. `kinds` names every code.
"""

from newsletter.alerts.alert import Alert, Raised
from newsletter.alerts.kinds import KINDS, Kind
from newsletter.alerts.open_alerts import acknowledge, all_of, is_open, raise_alert, require, resolve, resolve_all

__all__ = [
    "KINDS",
    "Alert",
    "Kind",
    "Raised",
    "acknowledge",
    "all_of",
    "is_open",
    "raise_alert",
    "require",
    "resolve",
    "resolve_all",
]
