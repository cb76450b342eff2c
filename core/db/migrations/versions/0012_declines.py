"""What agents declined is counted for each of them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_DECLINED = sa.text("ended_reason = 'declined'")


def upgrade() -> None:
    op.create_index(
        "ix_assignments_declined",
        "assignments",
        ["agent_id", "ended_at"],
        sqlite_where=_DECLINED,
        postgresql_where=_DECLINED,
    )


def downgrade() -> None:
    op.drop_index("ix_assignments_declined", table_name="assignments")
