"""Runs the command."""

from simulation.command import main

main()
