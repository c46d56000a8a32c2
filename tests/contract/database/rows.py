"""The simplest rows: households by their names."""

from sqlalchemy import select

from cloud.tables import households


def add(unit_of_work, name):
    row = households.insert().values(id=unit_of_work.new_id(), name=name, created_at=unit_of_work.now)
    unit_of_work.connection.execute(row)


def names(database):
    with database.read() as unit_of_work:
        return sorted(unit_of_work.connection.execute(select(households.c.name)).scalars())
