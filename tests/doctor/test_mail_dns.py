"""Every fault in the DNS, planted alone into a clean zone, gives its finding and no other; what to publish is told whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from newsletter.doctor import Area, Fine, LeftOut, Resolver
from newsletter.doctor.mail_dns import look
from newsletter.findings import Severity

DOMAIN = "harbour-letter.fish"
KEY, DMARC = f"k1._domainkey.{DOMAIN}", f"_dmarc.{DOMAIN}"
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`plant` changes the room; `codes` are expected, the first with `severity` and with `words` in its message."""

    codes: tuple[str, ...]
    plant: Callable[[Any], object]
    severity: Severity = ERROR
    words: str = ""


def spf(*texts: str) -> Callable[[Any], object]:
    return lambda room: room.names.txt(DOMAIN, *texts)


def dmarc(*texts: str, name: str = DOMAIN) -> Callable[[Any], object]:
    return lambda room: room.names.txt(f"_dmarc.{name}", *texts)


def dkim(change: Callable[[str], str]) -> Callable[[Any], object]:
    def plant(room: Any) -> None:
        (line,) = room.names.zone[KEY, "TXT"]
        room.names.txt(KEY, change(line.replace('" "', "").strip('"')))

    return plant


def several(*plants: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda room: [plant(room) for plant in plants]


def sender(**keys: Any) -> Callable[[Any], object]:
    return lambda room: room.change("sender", **keys)


def newsroom(**keys: Any) -> Callable[[Any], object]:
    return lambda room: room.change("newsroom", **keys)


def unsigned(room: Any) -> None:
    room.change("sender", dkim_domain="", dkim_selector="")
    room.secrets.clear()


def ten_includes(room: Any) -> None:
    room.names.txt(DOMAIN, "v=spf1 " + " ".join(f"include:i{number}.fish" for number in range(11)) + " ~all")
    for number in range(11):
        room.names.txt(f"i{number}.fish", "v=spf1 -all")


def short_key(bits: int) -> Callable[[Any], object]:
    def plant(room: Any) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
        room.secrets["NEWSLETTER_DKIM_KEY"] = pem
        room.names.txt(KEY, published(key.public_key()))

    return plant


def published(key: Any) -> str:
    import base64  # noqa: PLC0415

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    return "v=DKIM1; p=" + base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def drop(name: str, kind: str) -> Callable[[Any], object]:
    return lambda room: room.names.drop(name, kind)


def put(name: str, kind: str, *data: str) -> Callable[[Any], object]:
    return lambda room: room.names.put(name, kind, *data)


def sends_from(address: str) -> Callable[[Any], object]:
    return lambda room: room.more.update(sends_from=address)


FAULTS = {
    "SPF: none": Fault(codes=("SPF-MISSING",), plant=drop(DOMAIN, "TXT")),
    "SPF: two": Fault(codes=("SPF-SEVERAL",), plant=spf("v=spf1 mx -all", "v=spf1 -all"), words="2 SPF records"),
    "SPF: nearly": Fault(codes=("SPF-SYNTAX",), plant=spf("v=spf1, mx -all"), words="nearly SPF"),
    "SPF: a word": Fault(codes=("SPF-SYNTAX",), plant=spf("v=spf1 ipv4:203.0.113.1 -all"), words="'ipv4:203.0.113.1'"),
    "SPF: 11 look-ups": Fault(codes=("SPF-LOOKUPS",), plant=ten_includes, words="takes 11 look-ups"),
    "SPF: void": Fault(codes=("SPF-VOID",), plant=spf("v=spf1 a:x.fish a:y.fish mx:z.fish -all"), words="3 words"),
    "SPF: include": Fault(codes=("SPF-INCLUDE",), plant=spf("v=spf1 include:x.fish -all"), words="x.fish has no SPF"),
    "SPF: +all": Fault(codes=("SPF-ALL",), plant=spf("v=spf1 mx +all")),
    "SPF: ?all": Fault(codes=("SPF-ALL",), plant=spf("v=spf1 mx ?all"), severity=WARNING),
    "SPF: no all": Fault(codes=("SPF-ALL",), plant=spf("v=spf1 mx"), severity=WARNING),
    "SPF: ptr": Fault(codes=("SPF-PTR",), plant=spf("v=spf1 ptr ~all"), severity=INFO),
    "SPF: our address": Fault(
        codes=("SPF-NOT-ALLOWED",),
        plant=several(
            sends_from("203.0.113.77"),
            put("77.113.0.203.in-addr.arpa", "PTR", "out.fish."),
            put("out.fish", "A", "203.0.113.77"),
        ),
        words="does not let 203.0.113.77 send",
    ),
    "SPF: the relay": Fault(
        codes=("SPF-NOT-ALLOWED",),
        plant=several(sender(host="smtp.relay.fish", security="starttls"), put("smtp.relay.fish", "A", "192.0.2.1")),
        severity=INFO,
    ),
    "DKIM: unsigned": Fault(codes=("DKIM-UNSIGNED",), plant=unsigned, severity=WARNING),
    "DKIM: none": Fault(codes=("DKIM-MISSING",), plant=drop(KEY, "TXT"), words=KEY),
    "DKIM: two": Fault(codes=("DKIM-SEVERAL",), plant=lambda room: room.names.txt(KEY, "v=DKIM1; p=", "v=DKIM1; p=x")),
    "DKIM: cut": Fault(codes=("DKIM-SYNTAX",), plant=dkim(lambda text: text[:198]), words="no RSA key"),
    "DKIM: revoked": Fault(codes=("DKIM-REVOKED",), plant=dkim(lambda text: text.partition("p=")[0] + "p=")),
    "DKIM: test": Fault(
        codes=("DKIM-TESTING",), plant=dkim(lambda text: text.replace("k=rsa", "t=y")), severity=WARNING
    ),
    "DKIM: 1024 bits": Fault(codes=("DKIM-SHORT",), plant=short_key(1024), severity=WARNING, words="1024 bits"),
    "DKIM: another key": Fault(
        codes=("DKIM-OTHER-KEY",),
        plant=lambda room: [short_key(2048)(room), room.secrets.update(NEWSLETTER_DKIM_KEY=room.good_pem)],
    ),
    "DMARC: none": Fault(codes=("DMARC-MISSING",), plant=drop(DMARC, "TXT")),
    "DMARC: two": Fault(codes=("DMARC-SEVERAL",), plant=dmarc("v=DMARC1; p=none", "v=DMARC1; p=reject")),
    "DMARC: faulty": Fault(codes=("DMARC-SYNTAX",), plant=dmarc("v=DMARC1; p=nix"), words="p=nix"),
    "DMARC: only watches": Fault(
        codes=("DMARC-NONE",), plant=dmarc(f"v=DMARC1; p=none; rua=mailto:a@{DOMAIN}"), severity=INFO
    ),
    "DMARC: no reports": Fault(codes=("DMARC-NO-REPORTS",), plant=dmarc("v=DMARC1; p=reject"), severity=INFO),
    "DMARC: partly": Fault(
        codes=("DMARC-PARTIAL",), plant=dmarc(f"v=DMARC1; p=reject; pct=20; rua=mailto:a@{DOMAIN}"), severity=INFO
    ),
    "DMARC: reports elsewhere": Fault(
        codes=("DMARC-REPORTS-REFUSED",),
        plant=dmarc("v=DMARC1; p=reject; rua=mailto:a@reports.fish"),
        severity=WARNING,
    ),
    "DMARC: strict": Fault(
        codes=("DMARC-NOT-ALIGNED",),
        plant=several(
            dmarc(f"v=DMARC1; p=reject; adkim=s; aspf=s; rua=mailto:a@{DOMAIN}"),
            newsroom(from_address=f"letter@news.{DOMAIN}"),
            sender(return_path=f"bounces@{DOMAIN}"),
            put(f"news.{DOMAIN}", "MX", "10 mx.harbour-letter.fish."),
        ),
        words="the very same domain",
    ),
    "DMARC: DKIM elsewhere": Fault(
        codes=("DMARC-NOT-ALIGNED",),
        plant=several(
            newsroom(from_address="letter@other.fish"),
            sender(return_path="bounces@other.fish"),
            put("other.fish", "MX", "10 mx.harbour-letter.fish."),
            lambda room: room.names.txt("other.fish", "v=spf1 mx ~all"),
            dmarc("v=DMARC1; p=reject; rua=mailto:a@other.fish", name="other.fish"),
            put(f"letter.{DOMAIN}", "A", "203.0.113.10"),
        ),
        severity=WARNING,
        words="SPF alone",
    ),
    "domain: none": Fault(
        codes=("DNS-NO-DOMAIN",), plant=newsroom(from_address="letter@gone.fish"), words="does not exist"
    ),
    "mailbox: null MX": Fault(codes=("DNS-NO-MAILBOX",), plant=put(DOMAIN, "MX", "0 ."), severity=WARNING),
    "mailbox: address only": Fault(
        codes=("DNS-NO-MAILBOX",),
        plant=several(drop(DOMAIN, "MX"), put(DOMAIN, "A", "203.0.113.1"), spf("v=spf1 a ~all")),
        severity=WARNING,
    ),
    "mailbox: nothing": Fault(codes=("DNS-NO-MAILBOX",), plant=several(drop(DOMAIN, "MX"), spf("v=spf1 ~all"))),
    "mailbox: of answers": Fault(codes=("DNS-NO-MAILBOX",), plant=newsroom(reply_to="desk@gone.fish")),
    "pages: no address": Fault(codes=("DNS-URL",), plant=drop(f"letter.{DOMAIN}", "A")),
    "pages: private": Fault(codes=("SETUP-URL-LOCAL",), plant=put(f"letter.{DOMAIN}", "A", "10.1.2.3")),
    "reverse: none": Fault(
        codes=("DNS-REVERSE",),
        plant=several(sends_from("198.51.100.7")),
        severity=WARNING,
        words="no reverse name",
    ),
    "reverse: one way": Fault(
        codes=("DNS-REVERSE",),
        plant=several(sends_from("198.51.100.7"), put("7.100.51.198.in-addr.arpa", "PTR", "mx.harbour-letter.fish.")),
        severity=WARNING,
        words="does not lead back",
    ),
    "a server fails": Fault(
        codes=("DNS-UNANSWERED",),
        plant=lambda room: room.names.fails.add(KEY),
        severity=WARNING,
        words=f"SERVFAIL: TXT of {KEY}",
    ),
}


def asked(room: Any) -> list[Any]:
    return list(look(room.installation()))


def findings(said: list[Any]) -> list[Any]:
    return [each for each in said if not isinstance(each, Fine)]


def test_a_clean_zone_has_no_findings(room):
    said = asked(room)
    assert findings(said) == []
    assert [each.text for each in said] == [
        f"{DOMAIN} takes mail at mx.{DOMAIN}",
        f"SPF of {DOMAIN}: 2 of 10 look-ups",
        f"DKIM at {KEY}: RSA, 2048 bits, the key that we sign with",
        f"DMARC of {DOMAIN}: quarantine",
        f"SPF and DKIM speak for {DOMAIN} (DMARC)",
        f"readers’ pages: letter.{DOMAIN} has an address",
    ]


@pytest.mark.parametrize("name", FAULTS)
def test_each_planted_fault_gives_its_finding_and_no_other(name, room, signing_key):
    fault = FAULTS[name]
    room.good_pem = signing_key[0]
    fault.plant(room)
    found = findings(asked(room))
    assert tuple(each.finding.code for each in found) == fault.codes, found
    assert found[0].finding.severity is fault.severity
    assert fault.words in found[0].finding.message
    assert found[0].remedy
    assert found[0].area is Area.DNS


def test_a_key_below_1024_bits_counts_as_none(room):
    import base64  # noqa: PLC0415

    # Shorter keys are not made any more; this is the DER form of one of 512 bits.
    der = bytes.fromhex("305c300d06092a864886f70d0101010500034b003048024100") + b"\xc1" * 64 + b"\x02\x03\x01\x00\x01"
    room.change("sender", dkim_domain=DOMAIN)
    room.names.txt(KEY, f"v=DKIM1; p={base64.b64encode(der).decode()}")
    room.secrets.clear()
    (found,) = findings(asked(room))
    assert (found.finding.code, found.finding.severity) == ("DKIM-SHORT", ERROR)


def test_a_missing_record_is_told_as_it_is_to_be_published(room, signing_key):
    for name, kind in ((DOMAIN, "TXT"), (KEY, "TXT"), (DMARC, "TXT")):
        room.names.drop(name, kind)
    lines = [record.as_line() for each in findings(asked(room)) for record in each.records]
    assert lines[0] == f'{DOMAIN}. TXT "v=spf1 mx ~all"'
    assert lines[1].startswith(f'{KEY}. TXT "v=DKIM1; k=rsa; p=')
    assert lines[2] == f'{DMARC}. TXT "v=DMARC1; p=none; rua=mailto:dmarc@{DOMAIN}"'
    # A name server that is given these lines satisfies the doctor.
    for line in lines:
        name, _, data = line.partition(". TXT ")
        room.names.put(name, "TXT", data)
    assert [each.finding.code for each in findings(asked(room))] == ["DMARC-NONE"]
    assert max(len(part) for part in lines[1].split('"')) <= 255
    assert signing_key[1] in lines[1].replace('" "', "")


def test_an_address_is_put_into_the_record_that_is_there(room):
    sends_from("203.0.113.77")(room)
    (found,) = [each for each in findings(asked(room)) if each.finding.code == "SPF-NOT-ALLOWED"]
    assert found.records[0].text == "v=spf1 mx include:spf.relay.fish ip4:203.0.113.77 ~all"


def test_the_address_that_mail_leaves_from_is_looked_up_both_ways(room):
    several(
        sends_from("198.51.100.7"),
        put("7.100.51.198.in-addr.arpa", "PTR", "out.harbour-letter.fish."),
        put("out.harbour-letter.fish", "A", "198.51.100.7"),
    )(room)
    said = asked(room)
    assert findings(said) == []
    assert f"SPF lets 198.51.100.7 send for {DOMAIN}" in [each.text for each in said]
    assert "198.51.100.7 is out.harbour-letter.fish, which leads back to it" in [each.text for each in said]


def test_the_return_path_s_domain_is_the_one_that_spf_judges(room):
    room.change("sender", return_path="bounces@back.fish")
    room.names.put("back.fish", "MX", "10 mx.harbour-letter.fish.")
    room.names.txt("back.fish", "v=spf1 mx -all")
    said = asked(room)
    assert findings(said) == []
    assert "DKIM speaks for harbour-letter.fish (DMARC)" in [each.text for each in said]


def test_reports_to_another_domain_that_wants_them_are_fine(room):
    room.names.txt(DMARC, "v=DMARC1; p=reject; rua=mailto:a@reports.fish")
    room.names.txt(f"{DOMAIN}._report._dmarc.reports.fish", "v=DMARC1;")
    assert findings(asked(room)) == []


def test_a_dns_outage_is_one_warning_and_no_record_is_missing(room):
    room.names.silent.add("*")
    installation = room.installation()
    quick = Resolver(room.names.address, seconds=0.6)
    said = list(look(type(installation)(**{**fields_of(installation), "resolver": quick})))
    assert {each.finding.code for each in said} == {"DNS-UNANSWERED"}
    assert {each.finding.severity for each in said} == {WARNING}
    assert len(said) <= 3


def test_a_server_that_is_cut_off_from_the_world_makes_nothing_missing(room):
    room.names.zone.clear()
    room.names.cut_off = True
    (one,) = asked(room)
    assert (one.finding.code, one.finding.severity) == ("DNS-UNANSWERED", WARNING)
    assert "does not know the public DNS" in one.finding.message


def fields_of(installation: Any) -> dict[str, Any]:
    return {name: getattr(installation, name) for name in installation.__dataclass_fields__}


def test_a_name_for_examples_is_asked_nothing(room):
    room.change("newsroom", from_address="letter@harbour.example")
    (said,) = asked(room)
    assert isinstance(said, LeftOut)
    assert room.names.asked == []


def test_hostile_records_are_bounded(room):
    room.names.txt(DOMAIN, *(f"v=spf1 ip4:203.0.113.{number} " + f"include:{DOMAIN} " * 150 for number in range(10)))
    room.names.txt(DMARC, "v=DMARC1; " + ";".join(f"x{number}=y" for number in range(1000)))
    room.names.txt(KEY, "v=DKIM1; p=" + "A" * 20_000)
    said = findings(asked(room))
    assert {each.finding.code for each in said} == {"SPF-SEVERAL", "DKIM-SYNTAX", "DMARC-NONE", "DMARC-NO-REPORTS"}
    assert all(len(each.finding.message) < 400 for each in said)


@pytest.fixture
def with_sendgrid(room):
    room.change("sender", kind="sendgrid", dkim_domain="", dkim_selector="")
    room.secrets.clear()
    room.names.drop(KEY, "TXT")
    room.names.drop(DOMAIN, "TXT")
    return room


def test_sendgrid_s_keys_are_found_behind_its_names(with_sendgrid, signing_key):
    for number in ("1", "2"):
        with_sendgrid.names.put(f"s{number}._domainkey.{DOMAIN}", "CNAME", f"s{number}.domainkey.u1.wl.sendgrid.fish.")
        with_sendgrid.names.txt(f"s{number}.domainkey.u1.wl.sendgrid.fish", signing_key[1])
    said = asked(with_sendgrid)
    assert findings(said) == []
    assert f"DKIM speaks for {DOMAIN} (DMARC)" in [each.text for each in said]


def test_a_domain_that_is_not_authenticated_at_sendgrid_is_told(with_sendgrid):
    (found,) = findings(asked(with_sendgrid))
    assert found.finding.code == "DKIM-MISSING"
    assert "Sender Authentication" in found.remedy
