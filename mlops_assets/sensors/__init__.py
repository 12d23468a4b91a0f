"""Sensors: what reacts to runs."""
