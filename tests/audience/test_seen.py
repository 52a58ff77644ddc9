from newsletter.audience.seen import Seen


def test_a_key_is_new_once_however_many_there_are() -> None:
    seen = Seen()
    keys = [f"reader{number}@example.org" for number in range(5000)]
    assert all(seen.add(key) for key in keys)
    assert not any(seen.add(key) for key in keys)
