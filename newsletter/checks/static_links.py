"""Links as they stand, without asking anybody, and what asking them brought."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from newsletter.checks.link_result import Verdict
from newsletter.checks.page import Link
from newsletter.checks.rule import Group, Rule
from newsletter.checks.shown_texts import quote_spot
from newsletter.checks.spots import Spot
from newsletter.checks.subject import Matter, Subject
from newsletter.findings import Finding, Severity
from newsletter.issues import Quote
from newsletter.rendering.cleaning import safe_link

LINK_RELATIVE = Rule(
    code="LINK-RELATIVE",
    severity=Severity.ERROR,
    group=Group.LINKS,
    title="link without a host",
    why="An e-mail has no address of its own that a relative link could start from.",
    source="RFC 3986, section 5.1.4",
    fix="Write the whole address, from https:// on",
    example="“/opinion/ferry” becomes “https://outlet.example/opinion/ferry”",
)
LINK_SCHEME = Rule(
    code="LINK-SCHEME",
    severity=Severity.ERROR,
    group=Group.LINKS,
    title="link that mail programs refuse",
    why="data:, javascript: and file: links are taken out by mail programs and weigh on the spam score.",
    source="https://www.iana.org/assignments/uri-schemes/uri-schemes.xhtml",
    fix="Link to a page with https://",
    example="“javascript:open()” and “data:text/html,…” become the https:// address of a page",
)
LINK_SHORTENED = Rule(
    code="LINK-SHORTENED",
    severity=Severity.WARNING,
    group=Group.LINKS,
    title="link through a shortener",
    why="Readers cannot see where it leads, it may end one day, and blocklists name whole shorteners.",
    source="https://www.spamhaus.org/resource-hub/email-security/are-url-shorteners-a-bad-idea/",
    fix="Open it and use the address that it leads to",
    example="“https://bit.ly/3x” becomes the article’s own address",
)
LINK_WORDS = Rule(
    code="LINK-WORDS",
    severity=Severity.WARNING,
    group=Group.LINKS,
    title="link words that say nothing",
    why="Read out by themselves, as screen readers list them, “click here” and “link” lead nowhere.",
    source="https://www.w3.org/WAI/WCAG22/Understanding/link-purpose-in-context.html",
    fix="Name what is behind the link",
    example="“Click here” becomes “The council’s minutes”",
)
LINK_TWICE = Rule(
    code="LINK-TWICE",
    severity=Severity.WARNING,
    group=Group.LINKS,
    title="same link twice",
    why="Two quotes with one link are usually a slip of pasting: one of them leads to the wrong article.",
    fix="Correct one of the two",
    example="Both of a side’s quotes lead to the first one’s article: give the second its own",
)
LINK_DEAD = Rule(
    code="LINK-DEAD",
    severity=Severity.ERROR,
    group=Group.LINKS,
    title="dead link",
    why="The page says that it is gone, or its host does not exist; every reader would find that.",
    source="RFC 9110, sections 15.5.5 and 15.5.11",
    fix="Look for the article’s present address, or take the link out",
    example="The outlet moved the piece: search its site for the headline",
)
LINK_UNVERIFIED = Rule(
    code="LINK-UNVERIFIED",
    severity=Severity.INFO,
    group=Group.LINKS,
    title="link that could not be verified",
    why="Many outlets refuse programs (403, 429) where they welcome readers; a server may also be down for a while.",
    source="RFC 9110, section 15.5.4",
    fix="Open it yourself once",
)
LINK_REFUSED = Rule(
    code="LINK-REFUSED",
    severity=Severity.ERROR,
    group=Group.LINKS,
    title="link that must not be asked",
    why="It leads into a private network, to this machine, or is written so that two programs read it in two ways.",
    source="RFC 6890",
    fix="Use the article’s public address",
    example="“http://10.0.0.5/draft” is an address of the newsroom’s own network",
)
LINK_EXAMPLE = Rule(
    code="LINK-EXAMPLE",
    severity=Severity.INFO,
    group=Group.LINKS,
    title="link to a name for examples",
    why="Names such as example.com and .example are kept for documentation; nothing will ever be there.",
    source="RFC 2606",
    fix="Nothing in an issue that is an example itself; otherwise use the article’s address",
)
RULES = (
    LINK_RELATIVE, LINK_SCHEME, LINK_SHORTENED, LINK_WORDS, LINK_TWICE, LINK_DEAD, LINK_UNVERIFIED, LINK_REFUSED,
    LINK_EXAMPLE,
)  # fmt: skip

SCHEMES = frozenset({"http", "https", "mailto", "tel"})
SHORTENERS = frozenset(
    [
        "bit.ly",
        "bitly.com",
        "t.co",
        "tinyurl.com",
        "goo.gl",
        "ow.ly",
        "buff.ly",
        "is.gd",
        "v.gd",
        "lnkd.in",
        "rebrand.ly",
        "cutt.ly",
        "shorturl.at",
        "t.ly",
        "tiny.cc",
        "rb.gy",
        "dlvr.it",
        "trib.al",
        "bl.ink",
        "soo.gd",
        "x.co",
        "fb.me",
        "ift.tt",
        "shor.by",
        "tiny.one",
        "apple.news",
        "flip.it",
        "nyti.ms",
        "wapo.st",
        "on.wsj.com",
        "bloom.bg",
        "reut.rs",
        "cnn.it",
        "econ.st",
        "politi.co",
        "bbc.in",
        "gu.com",
        "on.ft.com",
        "n.pr",
        "hill.cm",
        "washex.am",
    ]
)
EMPTY_WORDS = frozenset(
    {"click here", "click", "tap here", "here", "this", "this link", "link", "the link", "this page", "this article"}
)
_VERDICTS = {
    Verdict.DEAD: LINK_DEAD,
    Verdict.UNVERIFIED: LINK_UNVERIFIED,
    Verdict.REFUSED: LINK_REFUSED,
}


def links_of(subject: Subject) -> tuple[str, ...]:
    """The web links of an edition's content, each once, in order: what `check_links` is to ask."""
    urls = (link.href.strip() for link in Matter(subject).content_links)
    return tuple(dict.fromkeys(url for url in urls if url.lower().startswith(("http://", "https://"))))


def addresses(matter: Matter) -> Iterator[Finding]:
    """Where links lead, as far as their addresses say."""
    for link in matter.content_links:
        href = link.href.strip()
        scheme, colon, _ = href.partition(":")
        if not colon or "/" in scheme:
            if not href.startswith("#"):  # the table of clients has more to say of those
                yield LINK_RELATIVE.finding(f"the link {_short(href)!r} has no host", _spot(matter, link))
        elif scheme.lower() not in SCHEMES:
            yield LINK_SCHEME.finding(f"mail programs refuse {scheme.lower()}: links", _spot(matter, link))
        elif _host(href) in SHORTENERS:
            yield LINK_SHORTENED.finding(f"{_host(href)} hides where the link leads", _spot(matter, link))


def words(matter: Matter) -> Iterator[Finding]:
    """What links are called."""
    for link in matter.page.links:
        if link.words.casefold().strip(" .!…→»›:") in EMPTY_WORDS:
            spot = matter.files.text(link.words) or _spot(matter, link)
            yield LINK_WORDS.finding(f"a link is called {link.words!r}", spot)


def repetitions(matter: Matter) -> Iterator[Finding]:
    """One address under several quotes or blocks of the issue."""
    quotes = [(quote.link, quote) for quote in matter.issue.quotes if quote.link]
    seen: set[str] = set()
    for link, quote in quotes:
        address = link.partition("#")[0].rstrip("/")
        if address in seen:
            yield LINK_TWICE.finding(f"another quote has this link too: {_short(link)}", _link_spot(matter, quote))
        seen.add(address)


def _link_spot(matter: Matter, quote: Quote) -> Spot:
    """Where a quote's link stands: in its own lines, or under [links] in `issue.toml`, or else the quote."""
    first, last = quote.lines
    own = matter.files.text(quote.link or "", file=quote.file, first=first, last=last + 2)
    if own:
        return own
    key = matter.files.key("links", quote.id, value=quote.link or "")
    return key if key.column and key.column > 1 else quote_spot(matter.files, quote)


def answers(matter: Matter) -> Iterator[Finding]:
    """What the links answered, where they were asked."""
    results = matter.subject.links or {}
    links = {link.href.strip(): link for link in reversed(matter.content_links)}
    asked = [(results[url], links[url]) for url in reversed(links) if url in results]
    for result, link in asked:
        if rule := _VERDICTS.get(result.verdict):
            yield rule.finding(f"the link {result.detail}: {_short(result.url)}", _spot(matter, link))
    if examples := [link for result, link in asked if result.verdict is Verdict.RESERVED]:
        count = f"{len(examples)} links lead to names" if len(examples) > 1 else "a link leads to a name"
        yield LINK_EXAMPLE.finding(f"{count} kept for examples", _spot(matter, examples[0]))


def _spot(matter: Matter, link: Link) -> Spot:
    """Where an editor wrote the link: in the quote's lines, in `issue.toml`, or in the template."""
    whole = "://" in link.href
    if found := matter.files.text(link.href if whole else link.words):
        return found
    for quote in matter.issue.quotes:
        if quote.link and safe_link(quote.link) == link.href:
            return _link_spot(matter, quote)
    return matter.newsroom.in_template(link.href, link.words)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _short(url: str) -> str:
    return url if len(url) <= 80 else url[:77] + "…"
