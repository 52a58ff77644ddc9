"""Invented readers, the same ones every time: names in many alphabets, addresses that lead nowhere (RFC 2606)."""

from __future__ import annotations

import csv
from pathlib import Path

_FIRST = (
    "Ada", "Bruno", "Chiara", "Dmitri", "Esther", "Farid", "Gudrun", "Hana", "Igor", "Jana", "Kofi", "Leïla", "Mateo",
    "Ngozi", "Olaf", "Priya", "Quentin", "Rosa", "Søren", "Tove", "Umar", "Vera", "Wen", "Ximena", "Yusuf", "Zoë",
    "Ольга", "Γιώργος", "נועה", "ليلى", "美咲", "지훈",
)  # fmt: skip
_LAST = (
    "Ashdown", "Brandt", "Castellane", "Dvořák", "Eriksen", "Farrow", "Gallo", "Halloway", "Ibsen", "Jankowski", "Kimura",
    "Lindqvist", "Moreau", "Nakamura", "O’Dowd", "Pell", "Quist", "Rask", "Sørensen", "Tamm", "Ueda", "Varga", "Weiß",
    "Xu", "Yıldız", "Zeller", "Петрова", "Παππάς", "כהן", "حداد",
)  # fmt: skip
_DOMAINS = ("reader.example", "post.example", "mail.example", "harbour.example", "inbox.example")
COLUMNS = ("email", "name")


def write_readers(path: Path, count: int) -> None:
    """Write `count` readers as a CSV file with headings."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(reader(number) for number in range(1, count + 1))


def reader(number: int) -> tuple[str, str]:
    """The address and the name of the reader with this number, from 1."""
    # 7 and 11 share no factor with the tuples' lengths, so that neighbours differ and names repeat late.
    name = f"{_FIRST[number * 7 % len(_FIRST)]} {_LAST[number * 11 % len(_LAST)]}"
    return f"reader{number:04d}@{_DOMAINS[number % len(_DOMAINS)]}", name
