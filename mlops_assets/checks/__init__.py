"""Asset checks: a pure evaluation each, and a thin shell that reports it."""
