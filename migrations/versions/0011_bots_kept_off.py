"""Who runs the house keeps a bot off.

Revision: 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No batch: that would copy the whole table for one column with a default.
    op.add_column("bots", sa.Column("kept_off", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("bots", "kept_off")
