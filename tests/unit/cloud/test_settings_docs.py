"""Every setting is in the table of docs/operations.md, by every name that it has."""

from pathlib import Path

import pytest
from pydantic import AliasChoices

from cloud.settings import Settings

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def names(field):
    """Return the variables that set a field."""
    alias = Settings.model_fields[field].validation_alias
    if alias is None:
        return [f"PILLARBOX_{field.upper()}"]
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return [one for one in choices if one.isupper()]


@pytest.mark.parametrize("field", Settings.model_fields)
def test_a_setting_is_told_with_its_names_and_meaning(field):
    first, *others = names(field)
    (row,) = [line for line in OPERATIONS.read_text().splitlines() if line.startswith(f"| `{first}`")]
    assert all(f"`{one}`" in row for one in others)
    assert row.endswith(f"| {Settings.model_fields[field].description} |")
