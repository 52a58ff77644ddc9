"""SPF records, read (RFC 7208, section 4.6 and 12). Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from newsletter.errors import InputError

_VERSION = re.compile(r"v=spf1( |$)", re.IGNORECASE)
_NEARLY = re.compile(r"[\s\"']*v?\s*=?\s*spf1?\b", re.IGNORECASE)
_WORD = re.compile(r"(?P<qualifier>[-+~?]?)(?P<name>[A-Za-z][A-Za-z0-9]*)(?P<rest>.*)", re.DOTALL)
_MODIFIER = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9._-]*)=(?P<value>.*)", re.DOTALL)
_PREFIXES = re.compile(r"(?P<domain>.*?)(?:/(?P<four>\d{1,3}))?(?://(?P<six>\d{1,3}))?", re.DOTALL)
_MACRO = re.compile(r"%(?:\{[slodiphcrtvSLODIPHCRTV]\d*r?[-.+,/_=]*\}|[%_-])")
_NAME = re.compile(r"(?:[!-~]+\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+\.?")
_MOST_WORDS = 200

ASKING = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
"""Words that cost a look-up (RFC 7208, section 4.6.4)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """One word of a record. `value` is the domain or network it names, "" where it names none; `four` and `six` are the
    lengths of the prefixes that `a` and `mx` may have.
    """

    name: str
    text: str
    qualifier: str = "+"
    value: str = ""
    four: int = 32
    six: int = 128

    @property
    def asks(self) -> bool:
        """Whether it costs a look-up."""
        return self.name in ASKING

    @property
    def has_macro(self) -> bool:
        """Whether its name depends on the mail, so that nobody can ask for it beforehand."""
        return "%" in self.value


def is_record(text: str) -> bool:
    """Whether a TXT record is an SPF record."""
    return _VERSION.match(text) is not None


def is_nearly(text: str) -> bool:
    """Whether a TXT record was meant to be one."""
    return not is_record(text) and _NEARLY.match(text) is not None


def read(text: str) -> tuple[Term, ...]:
    """The words of a record, without its version.

    Raises:
        InputError: a word cannot be read; the text names it.
    """
    if not text.isascii() or "\\x" in text:
        raise InputError("the record holds characters beyond ASCII", remedy="Write it anew, with plain characters")
    words = [word for word in text.split(" ")[1:] if word]
    if len(words) > _MOST_WORDS:
        raise InputError(f"the record has {len(words)} words", remedy="Shorten it")
    terms = tuple(_term(word) for word in words)
    for name in ("redirect", "exp"):
        if sum(term.name == name for term in terms) > 1:
            raise InputError(f"{name}= stands there twice", remedy="Take one out")
    return terms


def _term(word: str) -> Term:
    if (modifier := _MODIFIER.fullmatch(word)) is not None:
        return _modifier(word, modifier["name"].lower(), modifier["value"])
    found = _WORD.fullmatch(word)
    name = found["name"].lower() if found else ""
    if found is None or name not in _READERS:
        raise _faulty(word, "is no word of SPF")
    rest = found["rest"]
    if rest and rest[0] not in ":/":
        raise _faulty(word, "cannot be read")
    return _READERS[name](word, name, found["qualifier"] or "+", rest)


def _modifier(word: str, name: str, value: str) -> Term:
    if name in {"redirect", "exp"}:
        _check_domain(word, value)
    elif "%" in _MACRO.sub("", value):
        raise _faulty(word, "has a macro that cannot be read")
    return Term(name=name, text=word, value=value)


def _all(word: str, name: str, qualifier: str, rest: str) -> Term:
    if rest:
        raise _faulty(word, "has more behind `all`")
    return Term(name=name, text=word, qualifier=qualifier)


def _domain_wanted(word: str, name: str, qualifier: str, rest: str) -> Term:
    value = rest.removeprefix(":")
    if not rest.startswith(":") or not value:
        raise _faulty(word, "names no domain")
    _check_domain(word, value)
    return Term(name=name, text=word, qualifier=qualifier, value=value)


def _ptr(word: str, name: str, qualifier: str, rest: str) -> Term:
    return _domain_wanted(word, name, qualifier, rest) if rest else Term(name=name, text=word, qualifier=qualifier)


def _hosts(word: str, name: str, qualifier: str, rest: str) -> Term:
    parts = _PREFIXES.fullmatch(rest)
    four, six = (int(parts["four"] or 32), int(parts["six"] or 128)) if parts else (99, 999)
    if parts is None or four > 32 or six > 128:
        raise _faulty(word, "has a prefix that cannot be")
    domain = parts["domain"]
    if domain:
        if not domain.startswith(":"):
            raise _faulty(word, "cannot be read")
        _check_domain(word, domain[1:])
    return Term(name=name, text=word, qualifier=qualifier, value=domain[1:], four=four, six=six)


def _network(word: str, name: str, qualifier: str, rest: str) -> Term:
    value = rest.removeprefix(":")
    try:
        # strict=False: bits behind the prefix do not count.
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise _faulty(word, "is no IP network") from None
    if not rest.startswith(":") or f"ip{network.version}" != name:
        raise _faulty(word, f"is no {'IPv4' if name == 'ip4' else 'IPv6'} network")
    return Term(name=name, text=word, qualifier=qualifier, value=str(network))


_READERS = {
    "all": _all,
    "include": _domain_wanted,
    "exists": _domain_wanted,
    "a": _hosts,
    "mx": _hosts,
    "ptr": _ptr,
    "ip4": _network,
    "ip6": _network,
}


def _check_domain(word: str, value: str) -> None:
    plain = _MACRO.sub("", value)
    if "%" in plain:
        raise _faulty(word, "has a macro that cannot be read")
    ends_in_macro = value.endswith("}")
    if not ends_in_macro and not _NAME.fullmatch(_MACRO.sub("x", value)):
        raise _faulty(word, "names no domain")


def _faulty(word: str, fault: str) -> InputError:
    return InputError(f"{word[:80]!r} {fault}", remedy="Correct that word")
