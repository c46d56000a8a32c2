"""Rows that a statement is given as one JSON parameter, as a table that it can join."""

# Ids are ASCII; said so, they are compared by the collation of the table whatever the connection's is.
ID = "VARCHAR(36) CHARACTER SET ascii"


def given_rows(dialect: str, **columns: str) -> str:
    """Return the table ``given`` of the parameter ``:rows``, a JSON list of lists: its columns with their MySQL types.

    However many rows, the statement stays the same, so it is compiled once, and each row costs one look-up
    (sqlite.org/json1.html#jeach, dev.mysql.com/doc/refman/8.4/en/json-table-functions.html).
    """
    if dialect == "sqlite":
        named = ", ".join(f"value ->> {place} AS {name}" for place, name in enumerate(columns))
        return f"(SELECT {named} FROM json_each(:rows)) AS given"  # noqa: S608 - our own names
    typed = ", ".join(f"{name} {kind} PATH '$[{place}]'" for place, (name, kind) in enumerate(columns.items()))
    return f"JSON_TABLE(:rows, '$[*]' COLUMNS ({typed})) AS given"
