"""A newsroom in one process: real schedulers, workers and database; simulated clocks, wires, people and accidents.

`world` puts it together for a seed, `loop` runs it, `faults` breaks it, `checking` and its invariants watch each step.
"""
