"""Whether it was another's commit that a write failed at."""

from sqlalchemy.exc import IntegrityError

# A key that is taken, a row that is referred to and gone, one that is still referred to: as SQLite names them, and by
# MySQL's numbers.
_OVERTAKEN = {
    "SQLITE_CONSTRAINT_UNIQUE",
    "SQLITE_CONSTRAINT_PRIMARYKEY",
    "SQLITE_CONSTRAINT_FOREIGNKEY",
    1062,
    1452,
    1451,
}


def is_overtaken(error: IntegrityError) -> bool:
    """Return whether a key was taken or a row was gone; a value that no row may have is a fault of ours instead."""
    said = {getattr(error.orig, "sqlite_errorname", None), *getattr(error.orig, "args", ())[:1]}
    return not said.isdisjoint(_OVERTAKEN)
