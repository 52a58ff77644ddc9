"""Readers, part by part: `scripts/bench audience [PART…] [--recipients N]`: import, export, counts; their pages."""

from __future__ import annotations

from bench_parts import measure_parts

if __name__ == "__main__":
    measure_parts("audience", "a million invented readers")
