from __future__ import annotations

import smtplib
from collections.abc import Iterator

import pytest

from newsletter.rehearsal.inbox import Inbox


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox(port=0) as running:
        yield running


@pytest.fixture
def client(inbox: Inbox) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(inbox.host, inbox.port, local_hostname="client.example", timeout=10) as connected:
        yield connected
