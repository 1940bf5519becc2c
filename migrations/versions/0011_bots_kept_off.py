"""Who runs the house keeps a bot off, and what waits for one is counted without reading what is done.

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
    op.create_index("ix_webhook_deliveries_bot_id_state", "webhook_deliveries", ["bot_id", "state"])


def downgrade() -> None:
    op.drop_index("ix_webhook_deliveries_bot_id_state", "webhook_deliveries")
    op.drop_column("bots", "kept_off")
