from newsletter.delivery.backoff import Backoff
from newsletter.delivery.circuit import Circuit
from newsletter.delivery.senders.base import Outcome

GONE = Outcome.deferred(None, "connection refused", sender_fault=True)
WAITS = Backoff(first=1, longest=60, jitter=0)


def test_all_connections_are_used_while_things_go_well():
    circuit = Circuit(WAITS)
    circuit.note([Outcome.accepted(250, "ok"), Outcome.rejected(550, "no"), Outcome.deferred(451, "later")], 0.0)
    assert circuit.allows(8, 0.0) == 8


def test_after_a_failure_of_the_servers_one_probe_follows_then_all():
    circuit = Circuit(WAITS)
    circuit.note([GONE] * 8, 0.0)
    assert circuit.allows(8, 0.0) == 0
    assert circuit.allows(8, 1.0) == 1
    circuit.note([Outcome.accepted(250, "ok")], 1.0)
    assert circuit.allows(8, 1.0) == 8


def test_each_failed_probe_doubles_the_wait():
    circuit = Circuit(WAITS)
    now = 0.0
    for wait in (1, 2, 4, 8, 16, 32, 60, 60):
        circuit.note([GONE], now)
        assert circuit.allows(8, now + wait - 0.1) == 0
        now += wait
        assert circuit.allows(8, now) == 1


def test_while_a_probe_is_out_no_other_follows_at_once():
    circuit = Circuit(WAITS)
    circuit.note([GONE], 0.0)
    circuit.note([GONE], 1.0)
    assert circuit.allows(8, 3.0) == 1
    assert circuit.allows(8, 3.0) == 1
    circuit.sent(1, 3.0)
    assert circuit.allows(7, 4.9) == 0
    assert circuit.allows(7, 5.0) == 1
    circuit.note([Outcome.accepted(250, "ok")], 5.0)
    assert circuit.allows(8, 5.0) == 8


def test_silence_after_messages_slows_down_too():
    circuit = Circuit(WAITS)
    circuit.note([Outcome.unknown("no answer")], 0.0)
    assert circuit.allows(8, 0.0) == 0


def test_a_lasting_refusal_breaks_it():
    circuit = Circuit(WAITS)
    circuit.note([Outcome.deferred(535, "bad password", sender_fault=True, permanent=True)], 0.0)
    assert circuit.broken is not None
    assert circuit.allows(8, 86_400.0) == 0
