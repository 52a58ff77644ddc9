import pytest
from sqlalchemy import select

from newsletter.errors import BlockedError, InputError
from newsletter.publishing import users
from newsletter.store import tables
from newsletter.store.statuses import UserRole


@pytest.fixture
def add(room):
    def add(name="Ada", role=UserRole.EDITOR, side=None):
        app = room.app
        return users.add(
            app.store, name, role, side=side, hashed=app.keys.user_hash, actor="root (command line)", now=app.clock()
        )

    return add


def who(room, token):
    return users.by_token(room.app.store, token, hashed=room.app.keys.user_hash)


def test_a_token_names_its_user(room, add):
    ada, token = add("  Ada   Marlow ", side="left")
    bob, other = add("Bob", UserRole.OPS)
    assert (ada.name, ada.role, ada.side) == ("Ada Marlow", UserRole.EDITOR, "left")
    assert who(room, token) == ada
    assert who(room, f" {other}\n") == bob
    assert users.listed(room.app.store) == [ada, bob]


def test_tokens_are_long_and_never_the_same(add):
    tokens = {add(f"User {number}")[1] for number in range(20)}
    assert len(tokens) == 20
    assert all(token.startswith("nlu_") and len(token) == 47 for token in tokens)


def test_the_token_is_kept_nowhere(room, add):
    _, token = add()
    secret = token.removeprefix("nlu_").encode()
    for path in room.app.settings.root.rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes(), path


def test_the_hash_depends_on_the_newsrooms_key(room, add):
    _, token = add()
    with room.app.store.reading() as connection:
        kept = connection.execute(select(tables.user.c.token_hash)).scalar_one()
    assert kept == room.app.keys.user_hash(token)
    assert kept != type(room.app.keys)({0: b"another key of another newsroom"}).user_hash(token)


def test_a_key_that_is_added_later_leaves_tokens_valid(room, add):
    _, token = add()
    keys = type(room.app.keys)({**room.app.keys.secrets, 9: b"a newer key of this newsroom"})
    assert users.by_token(room.app.store, token, hashed=keys.user_hash).name == "Ada"


@pytest.mark.parametrize("token", ["", "nlu_", "nlu_" + "A" * 43, "\udcff", "x" * 10_000])
def test_a_wrong_token_is_one_clear_error_that_does_not_repeat_it(room, add, token):
    add()
    with pytest.raises(InputError, match="this token is no user's") as caught:
        who(room, token)
    assert caught.value.where == "NEWSLETTER_USER_TOKEN"
    assert not token or token not in str(caught.value)


def test_a_name_is_had_by_one_whatever_its_case(add):
    add("Ada Marlow")
    for same in ("ada marlow", "ADA  MARLOW", "Ａda Marlow"):
        with pytest.raises(BlockedError, match="there is a user Ada Marlow already"):
            add(same)


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "x" * 101, "a\u202eb"])
def test_what_cannot_be_a_name_is_refused(room, add, name):
    with pytest.raises(InputError, match="a user's name"):
        add(name)
    assert users.listed(room.app.store) == []


def test_a_disabled_users_token_says_so_and_a_renewed_one_works_again(room, add):
    _, token = add()
    now = room.app.clock()
    assert users.disable(room.app.store, "ADA", actor="root", now=now).disabled_at == now
    with pytest.raises(InputError, match="Ada is disabled"):
        who(room, token)
    ada, new = users.renew(room.app.store, "Ada", hashed=room.app.keys.user_hash, actor="root", now=now)
    assert who(room, new) == ada
    with pytest.raises(InputError, match="no user's"):
        who(room, token)


def test_an_unknown_name_names_the_nearest(room, add):
    add("Ada Marlow")
    with pytest.raises(InputError, match="Did you mean 'Ada Marlow'"):
        users.disable(room.app.store, "Ada Marlov", actor="root", now=room.app.clock())


def test_the_audit_says_who_added_whom(room, add):
    ada, _ = add()
    with room.app.store.reading() as connection:
        noted = connection.execute(select(tables.audit).where(tables.audit.c.action == "user.add")).one()
    assert (noted.actor, noted.action, noted.subject) == ("root (command line)", "user.add", f"user:{ada.id}")
