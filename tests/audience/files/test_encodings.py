import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.files.encodings import EncodingJudge, named
from newsletter.errors import InputError


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
unmarked = st.binary(max_size=40).filter(
    lambda data: not data.startswith((b"\xef", b"\xff", b"\xfe")) and 0 not in data
)


@given(unmarked, st.integers(1, 5))
def test_the_verdict_does_not_depend_on_where_pieces_end(data: bytes, size: int) -> None:
    pieces = judged(*(data[at : at + size] for at in range(0, len(data), size)))
    assert pieces[1] == judged(data)[1]
    assert pieces[1] or pieces == judged(data)


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [
        ("ivan@example.org;Иван Петров\nolga@example.org;Ольга\n", "cp1251", "cp1251"),
        ("a@example.org,Γιώργος Παπαδόπουλος\nb@example.org,Μαρία\n", "cp1253", "cp1253"),
        ("a@example.org,山田太郎\nb@example.org,鈴木一郎\n", "shift_jis", "cp932"),
        ("a@example.org,李小龍\nb@example.org,王小明\n", "gb18030", "gb18030"),
        ("a@example.org,김철수\nb@example.org,이영희\n", "euc_kr", "cp949"),
        ("rene@example.org,René Müller\n", "cp1252", "cp1252"),
        ("ann@example.org,Ann\n", "utf-16-le", "utf-16-le"),
        ("ann@example.org,Ann\n", "utf-16-be", "utf-16-be"),
    ],
)
def test_other_scripts_and_unmarked_utf16_are_guessed(text: str, encoding: str, name: str) -> None:
    found, guessed, _ = judged(text.encode(encoding))
    assert (found, guessed) == (name, True)


def test_a_person_may_name_the_encoding() -> None:
    assert named("Latin1").name == "iso8859-1"
    assert named("utf8").name == "utf-8-sig"


@pytest.mark.parametrize("text", ["rot13", "klingon", "a\0", "base64"])
def test_what_is_no_encoding_of_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no encoding is called"):
        named(text)
