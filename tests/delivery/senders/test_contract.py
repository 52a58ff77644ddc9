"""The contract of all senders. A new one has to pass it: it takes a `World` of its own in conftest.py."""

import threading
import time
from collections import Counter

import pytest

from newsletter.delivery.senders.base import ChunkConnection, MessageConnection
from newsletter.errors import InputError
from newsletter.store.statuses import OutcomeKind


def test_its_name_and_capabilities_are_told(world):
    sender = world.sender
    assert sender.name in {"smtp", "sendgrid", "inbox"}
    assert sender.place
    able = sender.capabilities
    assert able.connections >= 1
    assert able.chunk >= 1
    assert 0 < able.deadline <= 1200
    assert able.chunk == 1 or not able.whole_messages
    opened = sender.open()
    assert isinstance(opened, MessageConnection if able.whole_messages else ChunkConnection)
    opened.close()


def test_what_is_accepted_has_arrived_once(world):
    addresses = [world.good(number) for number in range(25)]
    outcomes = world.send(addresses)
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    assert not any(outcome.permanent or outcome.sender_fault for outcome in outcomes)
    assert world.received() == Counter(addresses)


def test_a_check_sends_nothing(world):
    world.sender.check()
    assert not world.received()


def test_nobody_there_is_said_in_words(world):
    with pytest.raises(InputError) as raised:
        world.away().check()
    assert raised.value.where
    assert raised.value.remedy


def test_nobody_there_defers_and_blames_no_recipient(world):
    world.sender = world.away()
    outcomes = world.send([world.good(1), world.good(2)])
    assert [(outcome.kind, outcome.sender_fault) for outcome in outcomes] == [(OutcomeKind.DEFERRED, True)] * 2
    assert all(outcome.reply for outcome in outcomes)


def test_one_refused_address_is_no_harm_to_the_others(world):
    if not world.can_refuse:
        pytest.xfail("it refuses nobody")
    addresses = [world.good(1), world.refused(), world.good(2)]
    outcomes = world.send(addresses)
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.ACCEPTED]
    assert outcomes[1].permanent
    assert not outcomes[1].sender_fault
    assert outcomes[1].code
    assert world.received() == Counter([addresses[0], addresses[2]])


def test_an_address_that_cannot_be_written_is_rejected_without_a_fault(world):
    outcomes = world.send([world.good(1), "a\r\nRCPT TO:<b@readers.example>@readers.example", world.good(2)])
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.ACCEPTED]
    assert world.received() == Counter([world.good(1), world.good(2)])


def test_silence_after_the_message_is_unknown(world):
    if not world.can_fall_silent:
        pytest.xfail("it is never silent")
    world.deadline = 0.6
    address = world.silent()
    opened = world.sender.open()
    cutter = threading.Timer(0.6, opened.cut)
    cutter.start()
    begun = time.monotonic()
    outcomes = world.send([address], connection=opened)
    assert time.monotonic() - begun < 3
    cutter.join()
    opened.close()
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.UNKNOWN]
    assert world.received() == Counter([address])


def test_a_connection_is_of_use_again_after_a_failure(world):
    if not world.can_refuse:
        pytest.xfail("it refuses nobody")
    opened = world.sender.open()
    assert world.send([world.refused()], connection=opened)[0].kind is OutcomeKind.REJECTED
    assert world.send([world.good(1)], connection=opened)[0].kind is OutcomeKind.ACCEPTED
    opened.close()


def test_a_cut_with_nothing_on_its_way_is_no_harm(world):
    opened = world.sender.open()
    opened.cut()
    assert world.send([world.good(1)], connection=opened)[0].kind is OutcomeKind.ACCEPTED
    opened.close()
    opened.cut()


def test_secrets_and_settings_do_not_show(world):
    assert "SG.rehearsal" not in repr(world.sender)
