"""Tables in SQL databases: PostgreSQL, SQLite and DuckDB, read as streams and published in one transaction."""
