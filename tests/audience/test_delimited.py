import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.delimited import EncodingJudge, guess_delimiter


def judged(*pieces: bytes) -> tuple[str, bool, bool]:
    judge = EncodingJudge()
    for piece in pieces:
        judge.look_at(piece)
    judge.look_at(b"", final=True)
    verdict = judge.verdict()
    return verdict.name, verdict.guessed, verdict.broken


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (b"ann@example.org", ("utf-8", False, False)),
        ("é".encode(), ("utf-8", False, False)),
        ("é".encode("utf-8-sig"), ("utf-8-sig", False, False)),
        ("é".encode("utf-16"), ("utf-16", False, False)),
        ("\ufeffé".encode("utf-16-be"), ("utf-16", False, False)),
        ("é".encode("utf-32"), ("utf-32", False, False)),
        ("“é”".encode("cp1252"), ("cp1252", True, False)),
        (b"\x81\xe9", ("latin-1", True, False)),
        ("é, é, é".encode() + b"\xe9", ("utf-8", False, True)),
    ],
)
def test_the_encoding_is_proved_or_guessed(data: bytes, verdict: tuple[str, bool, bool]) -> None:
    assert judged(data) == verdict


# A mark is looked for in the first piece only, which is 1 MiB.
unmarked = st.binary(max_size=40).filter(lambda data: not data.startswith((b"\xef", b"\xff", b"\xfe", b"\0")))


@given(unmarked, st.integers(1, 5))
def test_the_verdict_does_not_depend_on_where_pieces_end(data: bytes, size: int) -> None:
    assert judged(*(data[at : at + size] for at in range(0, len(data), size))) == judged(data)


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("ann@example.org\nbob@example.org\n", ","),
        ("email;name\n", ";"),
        ("email\tname\nann@example.org\tExample, Ann\n", "\t"),
        ("Example, Ann;ann@example.org\nExample, Bob;bob@example.org\n", ";"),
        ('ann@example.org,"Ann; Bob; Cy"\n', ","),
        ("email|name\nann@example.org|Ann\n", "|"),
        ("sep=;\nann@example.org;Ann\n", ";"),
        ("", ","),
        ("no address, here; at all", ","),
    ],
)
def test_the_delimiter_is_the_one_that_leaves_addresses_alone(sample: str, delimiter: str) -> None:
    assert guess_delimiter(sample) == delimiter
