"""How likely a person made an event, beside the verdict."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("events", sa.Column("p_human", sa.Float(), nullable=True))


def downgrade() -> None:
    op.drop_column("events", "p_human")
