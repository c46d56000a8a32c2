"""The addresses of whom an operator made count as confirmed, as those made since do."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Confirm who has no password: whoever registers chooses one, and a new one by mail confirms the address.

    Nor is it whom an outside issuer vouches for: of those without an address that it has proved we know none.
    """
    op.execute(
        "UPDATE users SET email_verified_at = created_at WHERE email_verified_at IS NULL AND password_hash IS NULL"
        " AND email NOT LIKE '%@no-address.invalid'"
    )


def downgrade() -> None:
    """Leave them confirmed: nothing says any more who was not."""
