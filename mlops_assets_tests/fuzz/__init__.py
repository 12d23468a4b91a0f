"""Attacks that are generated: files that a stranger may have written."""
