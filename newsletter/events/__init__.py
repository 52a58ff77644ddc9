"""What the world says back: events from providers, in our words, each kept once with its raw form.

`sendgrid.events_of` reads a posted body, `record` keeps what is new and lets it settle what is unknown.
"""

from newsletter.events.event import Event
from newsletter.events.recording import record

__all__ = ["Event", "record"]
