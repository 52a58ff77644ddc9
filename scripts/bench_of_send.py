"""Sending, part by part: `scripts/bench send [PART…] [--recipients N]`."""

from __future__ import annotations

from bench_parts import measure_parts

if __name__ == "__main__":
    measure_parts("send", "a long day's e-mail to invented readers")
