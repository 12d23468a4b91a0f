"""Signatures from data, and from a person."""
