"""DKIM's key records are read as receivers read them."""

import base64
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from newsletter.doctor import dkim_record
from newsletter.errors import InputError


@pytest.fixture(scope="session")
def good(signing_key):
    return signing_key[1]


def test_a_good_record_gives_its_key(good):
    record = dkim_record.read(good)
    assert (record.bits, record.testing, record.strict) == (2048, False, False)
    assert dkim_record.length_of(record.key) == "RSA, 2048 bits"


def test_blanks_inside_the_key_and_unknown_tags_do_not_matter(good):
    loose = good.replace("p=MIIB", "n=our key; x = 1 ; p = MI IB").replace("; ", " ;  ") + " ; "
    assert dkim_record.is_same(dkim_record.read(loose).key, dkim_record.read(good).key)


def test_flags_are_read(good):
    record = dkim_record.read(good.replace("; p=", "; t=y:s; s=email; h=sha1:sha256; p="))
    assert (record.testing, record.strict) == (True, True)


def test_an_empty_key_is_revoked():
    assert dkim_record.read("v=DKIM1; p=").key is None


def test_ed25519_is_a_key():
    raw = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    record = dkim_record.read(f"v=DKIM1; k=ed25519; p={base64.b64encode(raw).decode()}")
    assert dkim_record.length_of(record.key) == "Ed25519"


def elliptic() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda good: good.replace("DKIM1", "DKIM2"), "does not begin with v=DKIM1"),
        (lambda good: good.replace("v=DKIM1; ", "") + "; v=DKIM1", "does not begin with v=DKIM1"),
        (lambda good: good.partition("; p=")[0], "has no p="),
        (lambda good: good.replace("; p=", "; p=é"), "beyond ASCII"),
        (lambda good: good.replace("; p=", '; p="'), "no base64"),
        (lambda good: good[:198], "no RSA key"),
        (lambda good: good.replace("k=rsa", "k=dsa"), "no kind of key"),
        (lambda good: good.replace("k=rsa", "k=ed25519"), "32 bytes"),
        (lambda good: good.replace("; p=", "; h=sha1; p="), "leaves out sha256"),
        (lambda good: good.replace("; p=", "; s=tlsrpt; p="), "not for mail"),
        (lambda good: good + "; p=x", "twice"),
        (lambda good: good.replace("k=rsa;", "rsa;"), "is no tag"),
        (lambda _: f"v=DKIM1; p={elliptic()}", "no RSA key"),
    ],
)
def test_records_that_count_as_none_say_why(change, fault, good):
    with pytest.raises(InputError) as caught:
        dkim_record.read(change(good))
    assert fault in caught.value.what


@given(st.text(max_size=100), st.binary(max_size=400))
def test_whatever_stands_there_is_read_or_refused(text, data):
    for record in (text, f"v=DKIM1; p={text}", f"v=DKIM1; p={base64.b64encode(data).decode()}"):
        with suppress(InputError):
            dkim_record.read(record)
