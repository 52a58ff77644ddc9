"""Limits as `[sender]` gives them: what is read, and what is refused with which words."""

from datetime import date

import pytest

from newsletter.delivery.limits.rules import SENDER, UNLIMITED, Limit, Limits, RampUp
from newsletter.errors import InputError
from newsletter.settings import SenderSettings, load


def read(folder, text):
    (folder / "newsletter.toml").write_text(f'[newsroom]\nname = "The Ledger"\n{text}', encoding="utf-8")
    return load(folder).sender


def test_without_limits_there_are_none(tmp_path):
    assert Limits.of(read(tmp_path, "")) == UNLIMITED
    assert not UNLIMITED.any
    assert UNLIMITED.scopes() == []


def test_limits_are_read_as_they_stand(tmp_path):
    limits = Limits.of(
        read(
            tmp_path,
            """
            [sender]
            per_second = 25
            [sender.ramp_up]
            since = 2026-11-23
            first_day = 100
            factor = 2
            [sender.domains."Big.Example"]
            per_second = 0.5
            connections = 2
            [sender.domains."free.example"]
            """,
        )
    )
    ramp_up = RampUp(since=date(2026, 11, 23), first_day=100, factor=2)
    assert limits.sender == Limit(per_second=25, ramp_up=ramp_up)
    assert limits.domains == {"big.example": Limit(per_second=0.5, connections=2)}
    assert limits.scopes() == [SENDER, "big.example"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[sender]\nper_second = -1", "sender.per_second.*greater than or equal to 0"),
        ("[sender.ramp_up]\nfirst_day = 10", "sender.ramp_up.since' is missing"),
        ('[sender.ramp_up]\nsince = "soon"', "sender.ramp_up.since.*valid date"),
        ("[sender.ramp_up]\nsince = 2026-11-23\nfactor = 0.5", "sender.ramp_up.factor.*greater than or equal to 1"),
        ('[sender.domains."b b"]\nper_second = 1', "'b b' is no domain name"),
        ('[sender.domains.""]\nper_second = 1', "a domain's name is missing"),
        ('[sender.domains."A.example"]\n[sender.domains."a.example"]', "'a.example' is there twice"),
        ('[sender.domains]\n"a.example" = 3', "sender.domains.a.example.*must be a table"),
        ('[sender]\nkind = "sendgrid"\nper_second = 3', "per_second cannot be held with SendGrid"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('[sender.domains."a.example"]\nper_secnd = 3', "per_second"),
        ("[sender.ramp_up]\nsince = 2026-11-23\nfirstday = 3", "first_day"),
        ("[sender]\nrampup = 3", "ramp_up"),
    ],
)
def test_a_slip_in_a_key_names_the_nearest(tmp_path, text, known):
    with pytest.raises(InputError) as raised:
        read(tmp_path, text)
    assert raised.value.remedy == f"Did you mean {known!r}?"


def test_a_limit_goes_with_smtp_and_the_inbox_leaves_it_alone():
    assert SenderSettings.model_validate({"kind": "inbox", "per_second": 3}).per_second == 3
