"""Rows for people at a terminal: one line each, never broken, so that an id can be copied."""

from collections.abc import Sequence

import typer


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Print the rows, the first of which is the heading, in columns as wide as what is in them."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def printable(text: str) -> str:
    """Return text of a stranger without what would steer the terminal."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
