"""Each endpoint knows up to which change of the feed it was told."""

import sqlalchemy as sa
from alembic import op

from core.db.base import BigId

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("endpoints", sa.Column("cursor", BigId, nullable=False, server_default="0"))
    # Who is there already starts at the present, as a new one does.
    op.execute("UPDATE endpoints SET cursor = (SELECT coalesce(max(id), 0) FROM changes)")


def downgrade() -> None:
    op.drop_column("endpoints", "cursor")
