"""Apps that sign in are devices, too: their person hears of a new one.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("api_tokens") as tokens:
        tokens.add_column(sa.Column("device_id", sa.Integer(), nullable=True))
        tokens.create_foreign_key(
            "fk_api_tokens_device_id_devices", "devices", ["device_id"], ["id"], ondelete="SET NULL"
        )
        tokens.create_index("ix_api_tokens_device_id", ["device_id"])


def downgrade() -> None:
    with op.batch_alter_table("api_tokens") as tokens:
        tokens.drop_constraint("fk_api_tokens_device_id_devices", type_="foreignkey")
        tokens.drop_index("ix_api_tokens_device_id")
        tokens.drop_column("device_id")
