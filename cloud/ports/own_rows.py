"""What a new row refers to is its own household's: a foreign key alone would take any household's."""

from sqlalchemy import Connection, Table, select

from cloud.errors import NotFoundError


def expect_own(connection: Connection, household_id: str, *referred: tuple[Table, str | None]) -> None:
    """Raise NotFoundError unless each of the rows, by its id, is this household's; None refers to nothing."""
    for table, row_id in referred:
        own = (table.c.household_id == household_id) & (table.c.id == row_id)
        if row_id is not None and connection.execute(select(table.c.id).where(own)).first() is None:
            raise NotFoundError(f"expected one of {table.name} of this household to refer to, found none")
