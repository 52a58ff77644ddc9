"""A notice as an edition: a few plain lines that the program writes to somebody of the newsroom. Pure."""

from __future__ import annotations

import hashlib
from html import escape

from newsletter.rendering.edition import Edition
from newsletter.rendering.headers import address_header, ascii_address
from newsletter.settings import Newsroom

_HTML = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
    '<body><pre style="font: 15px/1.5 sans-serif; white-space: pre-wrap; margin: 0">{text}</pre></body></html>\n'
)


def notice_edition(subject: str, text: str, newsroom: Newsroom) -> Edition:
    """The lines as an edition without slots, from the newsroom's own address. The same words give the same bytes.

    Raises:
        InputError: the newsroom's name or address cannot stand in a header.
    """
    # A subject is one line, whatever a message quotes.
    title = " ".join(subject.split())
    name = newsroom.from_name or newsroom.name
    return Edition(
        subject=title,
        preheader="",
        html=_HTML.format(title=escape(title), text=escape(text)),
        text=text.rstrip() + "\n",
        nonce=hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()[:16],
        from_name=name,
        from_address=newsroom.from_address,
        from_header=address_header(name, newsroom.from_address, name="From"),
        reply_to=ascii_address(newsroom.reply_to) if newsroom.reply_to else None,
        language="en",
        base_url=newsroom.url,
        manifest={},
    )
