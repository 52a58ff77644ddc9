"""Personalising: whole MIME messages a second from one process, and the naive ways in the same run.

Targets (issue 3): 30,000 a second, and 150 times as many as with an EmailMessage built for each recipient; memory does
not grow with recipients.
"""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from bench_rows import QUICK, Row, a_second, long_issue, show
from jinja2 import Environment

from newsletter.rendering import Edition, MailingHeaders, Recipient, compile_message, fill_body
from newsletter.rendering.languages import short_date

RECIPIENTS = 1_000 if QUICK else 100_000
SECONDS = 4.0
TITLE = "The Daily"
NAMES = ("Ada Reader", "Jón Þórsson", "Ilse Varga", "", "Tomas O’Reith", "李小龍", "Mira de la Cruz", "N. Abara")
HEADERS = MailingHeaders(
    message_id_prefix="m7",
    message_id_domain="bench.example",
    date=datetime(2026, 11, 24, 6, tzinfo=UTC),
    list_name="daily",
    list_title=TITLE,
)


def recipient(number: int) -> Recipient:
    """One of as many as are wanted, each different."""
    return Recipient(
        delivery=number,
        address=f"reader.{number}@mail{number % 50}.example",
        name=NAMES[number % len(NAMES)],
        leave=f"{number:032x}",
        track=f"{number * 7919:032x}",
        since=date(2020, 1, 1) + timedelta(days=number % 2000),
    )


def main() -> None:
    """Measure and print."""
    _, _, edition = long_issue()
    readers = [recipient(number) for number in range(5000)]

    def measured(run: Callable[[Recipient], bytes]) -> float:
        return a_second(lambda number: run(readers[number % len(readers)]), seconds=SECONDS)

    joined = compile_message(edition, HEADERS).join
    built = measured(_Naive.of(edition).built)
    ours = max(measured(joined), measured(joined))
    grown = _growth(joined)
    rows = [
        Row(name="segments joined (ours)", value=ours, unit="messages/s", target=30_000, more_is_better=True),
        Row(name="EmailMessage for each recipient", value=built, unit="messages/s"),
        Row(
            name="Jinja2 for each recipient, then encoded",
            value=measured(_Naive.of(edition).templated),
            unit="messages/s",
        ),
        Row(
            name="str.replace for each slot, then encoded",
            value=measured(_Naive.of(edition).replaced),
            unit="messages/s",
        ),
        Row(name="ours over EmailMessage", value=ours / built, unit="times", target=150, more_is_better=True),
        Row(name=f"memory grown over {RECIPIENTS:,} recipients", value=grown, unit="KB", target=2_000),
    ]
    size = len(joined(readers[0]))
    show(
        f"merge: {size / 1000:.0f} KB a message, {edition.html.count(edition.nonce)} slots in the HTML, one core", rows
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Naive:
    """The ways that one would think of first. All give a message that is equivalent to ours."""

    edition: Edition
    template: Callable[..., str]
    text_template: Callable[..., str]

    @classmethod
    def of(cls, edition: Edition) -> _Naive:
        environment = Environment(autoescape=True)

        def compiled(text: str) -> Callable[..., str]:
            for name in ("leave", "track", "list", "since", "name", "address"):
                text = text.replace(edition.slots.marker(name), "{{ " + name + " }}")
            return environment.from_string(text).render

        return cls(edition=edition, template=compiled(edition.html), text_template=compiled(edition.text))

    def built(self, reader: Recipient) -> bytes:
        """Everything by the standard library's own means."""
        html, text = (fill_body(self.edition, part, reader, list_title=TITLE) for part in ("html", "plain"))
        return self._message(reader, html, text)

    def templated(self, reader: Recipient) -> bytes:
        """The finished HTML as a template for the reader's values."""
        values = self._values(reader)
        return self._encoded(reader, self.template(**values), self.text_template(**values))

    def replaced(self, reader: Recipient) -> bytes:
        """One replacement a slot."""
        html, text = self.edition.html, self.edition.text
        for name, value in self._values(reader).items():
            html = html.replace(self.edition.slots.marker(name), value)
            text = text.replace(self.edition.slots.marker(name), value)
        return self._encoded(reader, html, text)

    def _values(self, reader: Recipient) -> dict[str, str]:
        since = short_date(reader.since, self.edition.language) if isinstance(reader.since, date) else reader.since
        return {
            "leave": reader.leave,
            "track": reader.track,
            "list": TITLE,
            "since": since,
            "name": reader.name,
            "address": reader.address,
        }

    def _encoded(self, reader: Recipient, html: str, text: str) -> bytes:
        """The cheapest encoding there is: base64, in one call, joined by hand."""
        from base64 import encodebytes  # noqa: PLC0415 - this way's only

        head = f'To: "{reader.name}" <{reader.address}>\r\nSubject: {self.edition.subject}\r\nMIME-Version: 1.0\r\n'
        kind = 'Content-Type: multipart/alternative; boundary="b"\r\n'
        parts = (
            f"--b\r\nContent-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
            + encodebytes(body.encode()).replace(b"\n", b"\r\n")
            for subtype, body in (("plain", text), ("html", html))
        )
        return (head + kind + "\r\n").encode() + b"".join(parts) + b"--b--\r\n"

    def _message(self, reader: Recipient, html: str, text: str) -> bytes:
        message = EmailMessage(policy=SMTP)
        message["From"] = f"{self.edition.from_name} <{self.edition.from_address}>"
        message["To"] = f"{reader.name} <{reader.address}>" if reader.name.isascii() else reader.address
        message["Subject"] = self.edition.subject
        message["Message-ID"] = f"<m7.{reader.delivery}@bench.example>"
        message["List-Unsubscribe"] = f"<{self.edition.base_url}/leave/{reader.leave}>"
        message.set_content(text, cte="quoted-printable")
        message.add_alternative(html, subtype="html", cte="quoted-printable")
        return message.as_bytes()


def _growth(run: Callable[[Recipient], bytes]) -> float:
    """KB of resident memory that so many recipients add to those before."""
    for number in range(RECIPIENTS // 10):
        run(recipient(number))
    gc.collect()
    before = _resident()
    for number in range(RECIPIENTS):
        run(recipient(number))
    gc.collect()
    return max(0.0, _resident() - before)


def _resident() -> float:
    pages = Path("/proc/self/statm")
    if pages.exists():
        return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
