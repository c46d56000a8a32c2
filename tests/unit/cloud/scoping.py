"""What runs SQL in ``cloud``, found by what it does, and whether its methods say whose rows they are about."""

import ast
import importlib
import inspect
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import cloud

ROOT = Path(cloud.__file__).parents[1]
# What changes the tables themselves knows no households.
WITHOUT = {"migrations"}
HOUSEHOLD = "household_id"


class Way(NamedTuple):
    """A public method or function that leads to SQL."""

    name: str
    function: Callable[..., Any]


def ways() -> list[Way]:
    """Return every public way to SQL: the methods of classes that use a unit's connection, and such functions."""
    files = [file for file in sorted((ROOT / "cloud").rglob("*.py")) if not WITHOUT & set(file.parts)]
    trees = {file: ast.parse(file.read_text(), file) for file in files}
    with_sql = classes_with_sql(list(trees.values()))
    return [way for file, tree in trees.items() for way in ways_of(file, tree, with_sql)]


def ways_of(file: Path, tree: ast.Module, with_sql: set[str]) -> Iterator[Way]:
    """Yield the public ways to SQL of one file."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in with_sql:
            yield from methods(getattr(imported(file), node.name))
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and uses_sql(node):
            yield Way(f"{file.stem}.{node.name}", getattr(imported(file), node.name))


def imported(file: Path) -> types.ModuleType:
    """Return the module of a file."""
    return importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def methods(of: type) -> Iterator[Way]:
    """Yield the public methods that a class has of its own."""
    for name, member in vars(of).items():
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if inspect.isfunction(function) and not name.startswith("_"):
            yield Way(f"{of.__name__}.{name}", function)


def classes_with_sql(trees: list[ast.Module]) -> set[str]:
    """Return the names of the classes that use a unit of work's connection, and of those made of such a class."""
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    found = {node.name for node in classes if uses_sql(node)}
    while more := {node.name for node in classes if found & names(node.bases)} - found:
        found |= more
    return found


def uses_sql(node: ast.AST) -> bool:
    """Return whether a piece of code uses the connection of a unit of work, or is given one."""
    return any(is_connection(part) for part in ast.walk(node))


def is_connection(node: ast.AST) -> bool:
    """Return whether this is ``unit_of_work.connection``, or a parameter that is a connection."""
    if isinstance(node, ast.arg):
        return node.annotation is not None and "Connection" in names([node.annotation])
    is_it = isinstance(node, ast.Attribute) and node.attr == "connection"
    return is_it and bool({"unit_of_work", "_unit_of_work"} & names([node.value]))


def names(nodes: list[ast.expr]) -> set[str]:
    """Return the names in these expressions, also those after a dot."""
    within = [part for node in nodes for part in ast.walk(node)]
    return {part.id for part in within if isinstance(part, ast.Name)} | {
        part.attr for part in within if isinstance(part, ast.Attribute)
    }


def says_whose(function: Callable[..., Any]) -> bool:
    """Return whether a caller must say whose rows are meant: by a household, or by what belongs to one."""
    hints = {name: hint for name, hint in get_type_hints(function).items() if name != "return"}
    must = {name for name, one in inspect.signature(function).parameters.items() if one.default is one.empty}
    return any(
        is_text(hint) if name in {HOUSEHOLD, f"{HOUSEHOLD}s"} else carries(hint)
        for name, hint in hints.items()
        if name in must
    )


def is_text(hint: Any) -> bool:
    """Return whether a hint is text or a collection of it, but not "or None"."""
    return hint is str or (get_origin(hint) not in {None, Union, types.UnionType} and get_args(hint) == (str,))


def carries(hint: Any) -> bool:
    """Return whether a type, or what it is a collection of, always has a household: itself, or what it holds."""
    if get_origin(hint) in {Union, types.UnionType}:
        return all(carries(one) for one in get_args(hint))
    if get_args(hint):
        return any(carries(one) for one in get_args(hint))
    fields = get_type_hints(hint) if hasattr(hint, "__annotations__") and hint.__module__.startswith("cloud.") else {}
    return any(one is str if name == HOUSEHOLD else carries(one) for name, one in fields.items())
