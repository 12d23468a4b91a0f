"""Whether one signature may take the place of another."""
