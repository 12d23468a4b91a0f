"""What each alias pointed at, and when this was seen: an append-only record. No dagster here."""
