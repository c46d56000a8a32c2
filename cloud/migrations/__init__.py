"""The history of the tables: one Alembic chain for SQLite and MySQL."""
