"""Tables moved from SQLite, PostgreSQL or MariaDB into PostgreSQL: planned, copied, verified."""
