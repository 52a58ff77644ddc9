"""Mail servers (RFC 5321): connections that stay open, one message at a time on each, signed where a key is given.

`sender` has what the settings say, `connection` keeps a connection through its misfortunes, `transaction` is the talk
about one message, `stream` has the bytes of both, `dkim` signs. None of them waits: one thread serves all connections.
"""

from newsletter.delivery.senders.smtp.connection import SmtpConnection
from newsletter.delivery.senders.smtp.dkim import Signer
from newsletter.delivery.senders.smtp.sender import SmtpSender

__all__ = ["Signer", "SmtpConnection", "SmtpSender"]
