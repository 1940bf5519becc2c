"""Answers to what programs ask, and how whoever asked is told of them.

What is asked stands in the payload of its message.

Revision: 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "message_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("action_id", sa.String(length=64), nullable=False),
        sa.Column("is_ack", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messages.id"],
            name="fk_message_answers_message_id_messages",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_message_answers_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_message_answers"),
        sa.UniqueConstraint(
            "message_id", "user_id", "is_ack", name="uq_message_answers_message_id_user_id_is_ack"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_message_answers_user_id", "message_answers", ["user_id"])
    op.create_index(
        "uq_message_answers_first",
        "message_answers",
        ["message_id"],
        unique=True,
        sqlite_where=sa.text("NOT is_ack"),
        postgresql_where=sa.text("NOT is_ack"),
    )
    with op.batch_alter_table("webhook_deliveries") as rows:
        rows.add_column(sa.Column("kind", sa.String(length=10), nullable=False, server_default="message"))
        rows.add_column(sa.Column("action_id", sa.String(length=64), nullable=False, server_default=""))
        rows.add_column(sa.Column("person_id", sa.Integer(), nullable=True))
        rows.create_foreign_key(
            "fk_webhook_deliveries_person_id_users", "users", ["person_id"], ["id"], ondelete="CASCADE"
        )
        rows.create_index("ix_webhook_deliveries_person_id", ["person_id"])


def downgrade() -> None:
    op.execute("DELETE FROM webhook_deliveries WHERE kind <> 'message'")
    with op.batch_alter_table("webhook_deliveries") as rows:
        rows.drop_index("ix_webhook_deliveries_person_id")
        rows.drop_constraint("fk_webhook_deliveries_person_id_users", type_="foreignkey")
        rows.drop_column("person_id")
        rows.drop_column("action_id")
        rows.drop_column("kind")
    op.drop_table("message_answers")
