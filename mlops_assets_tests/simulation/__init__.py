"""Histories of days in simulated time: what fails, dies, moves and lies, and what must hold all the same."""
