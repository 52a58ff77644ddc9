from __future__ import annotations

from types import SimpleNamespace

import pytest

from newsletter.errors import InputError
from newsletter.rendering import Edition, render
from newsletter.rendering.slots import nonce_for


def test_an_edition_comes_back_from_its_bytes(make: SimpleNamespace) -> None:
    edition = render(make.rich(), make.settings())
    again = Edition.from_bytes(edition.to_bytes())
    assert again == edition
    assert again.digest == edition.digest


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format":1}', b'{"format":99}', b"\xff", b"null"])
def test_bytes_that_are_no_edition_are_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="edition"):
        Edition.from_bytes(data)


def test_a_nonce_never_occurs_in_the_text() -> None:
    first = nonce_for(b"seed", "")
    second = nonce_for(b"seed", f"says {first.upper()}")
    assert first != second
    assert nonce_for(b"seed", f"says {first}") == second


def test_an_address_that_no_header_can_hold_is_refused(make: SimpleNamespace) -> None:
    with pytest.raises(InputError, match="cannot be written to"):
        render(make.rich(), make.settings(from_address="zoë@harbour.example"))
