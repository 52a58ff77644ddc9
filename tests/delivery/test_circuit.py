from datetime import timedelta

from newsletter.delivery.backoff import Backoff
from newsletter.delivery.circuit import Circuit
from newsletter.delivery.senders.base import Outcome

GONE = Outcome.deferred(None, "connection refused", sender_fault=True)
WAITS = Backoff(first=1, longest=60, jitter=0)
SECOND = timedelta(seconds=1)


def test_all_connections_are_used_while_things_go_well(noon):
    circuit = Circuit(WAITS)
    circuit.note([Outcome.accepted(250, "ok"), Outcome.rejected(550, "no"), Outcome.deferred(451, "later")], noon)
    assert circuit.allows(8, noon) == 8


def test_after_a_failure_of_the_servers_one_probe_follows_then_all(noon):
    circuit = Circuit(WAITS)
    circuit.note([GONE] * 8, noon)
    assert circuit.allows(8, noon) == 0
    assert circuit.allows(8, noon + SECOND) == 1
    circuit.note([Outcome.accepted(250, "ok")], noon + SECOND)
    assert circuit.allows(8, noon + SECOND) == 8


def test_each_failed_probe_doubles_the_wait(noon):
    circuit = Circuit(WAITS)
    now = noon
    for wait in (1, 2, 4, 8, 16, 32, 60, 60):
        circuit.note([GONE], now)
        assert circuit.allows(8, now + wait * SECOND - SECOND / 10) == 0
        now += wait * SECOND
        assert circuit.allows(8, now) == 1


def test_silence_after_messages_slows_down_too(noon):
    circuit = Circuit(WAITS)
    circuit.note([Outcome.unknown("no answer")], noon)
    assert circuit.allows(8, noon) == 0


def test_a_lasting_refusal_breaks_it(noon):
    circuit = Circuit(WAITS)
    circuit.note([Outcome.deferred(535, "bad password", sender_fault=True, permanent=True)], noon)
    assert circuit.broken is not None
    assert circuit.allows(8, noon + timedelta(days=1)) == 0
