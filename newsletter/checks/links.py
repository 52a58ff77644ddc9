"""Asking links whether they still answer: in parallel, politely, once a day each, and never an address of our own side.

A link is looked up, each of its addresses passes `address_guard`, and the connection goes to an address that passed: a
name that changes its mind between the two gains nothing. Each redirect starts again from the beginning.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial

from newsletter.checks.link_cache import LinkCache
from newsletter.checks.link_options import LinkOptions
from newsletter.checks.link_result import LinkResult, Verdict
from newsletter.checks.link_target import RefusedError, Target, read_target
from newsletter.checks.links_visit import Hosts, Visit

__all__ = ["LinkCache", "LinkOptions", "LinkResult", "Verdict", "check_links"]

_OFFLINE_NAMES = 3
"""So many names, none of which exists, speak of a machine without a network: some systems say it that way."""


def check_links(
    urls: Iterable[str], *, cache: LinkCache | None, now: datetime, options: LinkOptions | None = None
) -> dict[str, LinkResult]:
    """What each of `urls` answers, by the URL as given, in the order given. Nothing raises: a fault is a verdict.

    Links that differ in their fragment only are asked once. HEAD is tried first; whoever refuses it is asked by GET, so a
    link is called dead only on the word of a GET.

    Args:
        urls: absolute URLs; what is no web address is refused.
        cache: what was asked lately; None asks everybody anew.
        now: the present instant, aware; it stands in the results.
        options: how to ask; None takes the defaults.
    """
    chosen = options or LinkOptions()
    found: dict[str, LinkResult] = {}
    waiting: dict[str, Target] = {}
    asked_as: dict[str, str] = {}
    given = list(dict.fromkeys(urls))
    for url in given:
        read = _read(url, now)
        if isinstance(read, LinkResult):
            found[url] = read
            continue
        asked_as[url] = read.url
        known = cache.get(read.url, now=now) if cache else None
        if known is not None:
            found[url] = replace(known, url=url)
        else:
            waiting[read.url] = read
    if not chosen.offline:
        asked = _Round(chosen, now).ask_all(list(waiting.values()))
        if cache:
            cache.put(asked.values(), now=now)
        found |= {url: replace(asked[asked_as[url]], url=url) for url in given if asked_as.get(url) in asked}
    return {url: found[url] for url in given if url in found}


def _read(url: str, now: datetime) -> Target | LinkResult:
    try:
        target = read_target(url)
    except RefusedError as refusal:
        return _unasked(url, now, Verdict.REFUSED, str(refusal))
    if target.reserved:
        return _unasked(url, now, Verdict.RESERVED, f"has a name kept for examples: {target.host}")
    return target


def _unasked(url: str, now: datetime, verdict: Verdict, detail: str) -> LinkResult:
    return LinkResult(url=url, verdict=verdict, status=None, detail=detail, final_url=url, checked_at=now)


class _Round:
    """One call of `check_links`: the links that somebody must be asked about."""

    def __init__(self, options: LinkOptions, now: datetime) -> None:
        self._options = options
        self._now = now
        self._hosts = Hosts(options.per_host)

    def ask_all(self, targets: Sequence[Target]) -> dict[str, LinkResult]:
        """The results by the targets' URLs."""
        if not targets:
            return {}
        tls = self._options.tls or ssl.create_default_context()
        queues: dict[str, deque[Target]] = {}
        for target in targets:
            queues.setdefault(target.host, deque()).append(target)
        # A thread belongs to a host while that has links left, so that none waits where another could ask.
        lanes = [queue for queue in queues.values() for _ in range(min(len(queue), self._options.per_host))]
        results: dict[str, LinkResult] = {}
        with ThreadPoolExecutor(min(len(lanes), self._options.threads), thread_name_prefix="links") as pool:
            try:
                list(pool.map(partial(self._drain, tls=tls, results=results), lanes))
            except BaseException:
                for queue in queues.values():
                    queue.clear()
                raise
        return self._doubted(results)

    def _drain(self, queue: deque[Target], *, tls: ssl.SSLContext, results: dict[str, LinkResult]) -> None:
        while True:
            try:
                target = queue.popleft()
            except IndexError:
                return
            results[target.url] = Visit(target, self._hosts, self._options, tls).result(self._now)

    def _doubted(self, results: dict[str, LinkResult]) -> dict[str, LinkResult]:
        if self._hosts.found or len(self._hosts.missing) < _OFFLINE_NAMES:
            return results
        return {
            url: _unasked(url, self._now, Verdict.UNVERIFIED, "cannot be checked: no name at all can be looked up here")
            if result.verdict is Verdict.DEAD
            else result
            for url, result in results.items()
        }
