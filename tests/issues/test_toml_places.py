from newsletter.issues.toml_places import Places

TEXT = '''# head
title = "a = [b]" # not = here
text = """
[sides]
x = 1
"""
order = [
  "one", # first
  "two",
]
[sides]
abc = "left"
"d e]f" = 'right'

[[blocks]]
kind = "note"
[[blocks]]
kind = "poll"'''


def test_keys_tables_and_elements_know_their_lines() -> None:
    places = Places(TEXT)
    assert places.line("title") == 2
    assert places.line("text") == 3
    assert places.line("order", 0) == 8
    assert places.line("order", 1) == 9
    assert places.line("sides") == 11
    assert places.line("sides", "abc") == 12
    assert places.line("sides", "d e]f") == 13
    assert places.line("blocks", 0, "kind") == 16
    assert places.line("blocks", 1, "kind") == 18


def test_what_has_no_line_takes_that_of_what_it_stands_in() -> None:
    places = Places(TEXT)
    assert places.line("sides", "gone") == 11
    assert places.line("blocks", 1, "text") == 17
    assert places.line("nowhere") is None


def test_dotted_inline_and_crlf_keys_are_found() -> None:
    places = Places('a = 1\r\nsides.abc = "left"\r\nlinks = { x = "y" }\r\n[headings]\r\n"a.b" = "c"\r\n')
    assert places.line("sides", "abc") == 2
    assert places.line("links", "x") == 3
    assert places.line("headings", "a.b") == 5
