from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from newsletter.errors import BlockedError
from newsletter.publishing import Mailing
from newsletter.store.statuses import MailingKind, MailingStatus

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SCHEDULED = Mailing(
    id=12,
    list_id=1,
    list_name="daily",
    list_title="The Daily",
    local_date=date(2026, 11, 23),
    kind=MailingKind.ISSUE,
    sequence=1,
    issue="2026-11-23-ferries",
    edition_digest="d" * 64,
    status=MailingStatus.SCHEDULED,
    not_later_than=NOON,
    created_at=NOON,
)


def test_a_mailing_goes_from_scheduled_to_finished():
    sending = SCHEDULED.start(NOON)
    assert (sending.status, sending.started_at) == (MailingStatus.SENDING, NOON)
    finished = sending.pause().resume().finish(NOON)
    assert (finished.status, finished.finished_at) == (MailingStatus.FINISHED, NOON)
    assert finished.ended
    assert not sending.ended


def test_resuming_keeps_the_first_start():
    later = NOON.replace(hour=13)
    assert replace(SCHEDULED.start(NOON), status=MailingStatus.PAUSED).start(later).started_at == NOON


@pytest.mark.parametrize("status", [MailingStatus.FINISHED, MailingStatus.CANCELLED])
def test_an_end_is_an_end(status):
    ended = replace(SCHEDULED, status=status)
    steps = [
        lambda: ended.start(NOON),
        ended.pause,
        ended.resume,
        lambda: ended.cancel(NOON),
        lambda: ended.finish(NOON),
    ]
    for step in steps:
        with pytest.raises(BlockedError, match=f"mailing 12 is {status.value}"):
            step()


def test_only_a_paused_mailing_is_resumed():
    with pytest.raises(BlockedError, match="scheduled and cannot be resumed"):
        SCHEDULED.resume()
