"""The edition that scripts send where it does not matter what it looks like: one line, and the link to leave."""

from __future__ import annotations

from newsletter.rendering import Edition

NONCE = "0123456789abcdef"


def plain_edition(subject: str, words: str) -> Edition:
    """An edition with that line, addressed to the reader by name."""
    return Edition(
        subject=subject,
        preheader="Nobody is lost",
        html=f"<p>{words} slot{NONCE}nameend, <a href='http://localhost/leave/slot{NONCE}leaveend'>leave</a></p>",
        text=f"{words} slot{NONCE}nameend\nLeave: http://localhost/leave/slot{NONCE}leaveend\n",
        nonce=NONCE,
        from_name="The Harbour Letter",
        from_address="letter@harbour.example",
        from_header="From: The Harbour Letter <letter@harbour.example>",
        reply_to=None,
        language="en",
        base_url="http://localhost:8025",
        manifest={},
    )
