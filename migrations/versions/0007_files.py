"""Files that people share.

Revision: 0007, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SINGLE_INDEXES = ("room_id", "sha256", "thumbnail_sha256", "created_at", "deleted_at")


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("thumbnail_sha256", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_uploads_owner_id_users"),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name="fk_uploads_room_id_rooms"),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name="fk_uploads_message_id_messages"),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
    )
    op.create_index("ix_uploads_message_id_position", "uploads", ["message_id", "position"])
    op.create_index("ix_uploads_owner_id_deleted_at", "uploads", ["owner_id", "deleted_at"])
    for column in SINGLE_INDEXES:
        op.create_index(f"ix_uploads_{column}", "uploads", [column])


def downgrade() -> None:
    op.drop_table("uploads")
