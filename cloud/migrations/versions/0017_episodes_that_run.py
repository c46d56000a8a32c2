"""Which of a device's episodes still run, found without reading those that ended without a close."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

LONG, SHORT = ("board_id", "close_event_id", "closed_at"), ("board_id", "close_event_id")


def upgrade() -> None:
    """Let the index go on with the end."""
    _replace(SHORT, LONG)


def downgrade() -> None:
    """Let it end with the name of the close again."""
    _replace(LONG, SHORT)


def _replace(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    with op.batch_alter_table("episodes") as batch_op:
        # In this order: MySQL keeps an index for the foreign key.
        batch_op.create_unique_constraint(batch_op.f(f"uq_episodes_{'_'.join(new)}"), list(new))
        batch_op.drop_constraint(batch_op.f(f"uq_episodes_{'_'.join(old)}"), type_="unique")
