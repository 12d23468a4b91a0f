"""Tables of several parts: what workers stage, and how it becomes one table in one step."""
