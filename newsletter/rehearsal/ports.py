"""Taking a port, so that a busy one is an error with a remedy instead of a traceback."""

from __future__ import annotations

import errno
import ipaddress
import socket

from newsletter.errors import InputError

WAITING_CONNECTIONS = 256
LAST_PORT = 65535


def loopback(host: str) -> str:
    """`host` as an address that only this machine can reach; "localhost" becomes 127.0.0.1.

    Raises:
        InputError: the address can be reached from elsewhere, or is a name.
    """
    if host == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise InputError(
        f"{host!r} is not an address of this machine alone", where="host", remedy="Use 127.0.0.1, ::1 or localhost"
    )


def take_port(host: str, port: int, *, purpose: str) -> socket.socket:
    """A socket that listens on `host`:`port`; port 0 takes a free one. `purpose` names in an error what wanted it.

    Raises:
        InputError: the port is taken or may not be taken, or the machine has no such address.
    """
    if not 0 <= port <= LAST_PORT:
        raise InputError(
            f"a port is a number from 0 to {LAST_PORT}", where=f"{host}:{port}", remedy="0 picks a free one"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=WAITING_CONNECTIONS)
    except OSError as error:
        raise InputError(_fault(error, port), where=f"{host}:{port}", remedy=_remedy(error, purpose)) from error
    # Each connection inherits it. asyncio sets it only where `proto` is given; without it short replies wait 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _fault(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is busy: another program listens there"
    return f"port {port} cannot be taken: {error.strerror or error}"


def _remedy(error: OSError, purpose: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Stop that program, or give {purpose} another port (0 picks a free one)"
    return f"Give {purpose} an address of this machine and a port above 1023 (0 picks a free one)"


def take_free_port(*, preferred: int) -> socket.socket:
    """A socket that listens on `preferred` of 127.0.0.1 where nobody does, else on a free port."""
    try:
        return take_port("127.0.0.1", preferred, purpose="the demo")
    except InputError:
        return take_port("127.0.0.1", 0, purpose="the demo")


def free_port(*, preferred: int) -> int:
    """The same port's number. Somebody may take it before it is used: whoever can hands the socket itself on."""
    with take_free_port(preferred=preferred) as listening:
        return int(listening.getsockname()[1])
