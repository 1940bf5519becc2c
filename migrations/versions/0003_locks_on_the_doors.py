"""What the locks on the doors need: devices, 2FA, passkeys, failures, reset links, API tokens, lockdowns, newcomers.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


PERSONAL = ("address", "user_agent", "detail", "salt")
KEPT = [
    "id",
    "at",
    "action",
    "actor_id",
    "door",
    "subject",
    "about_id",
    "personal_digest",
    "previous_hash",
    "hash",
]
SORTED_BY_TIME = ("action", "actor_id", "subject")
SORTED_BY_ID = (*SORTED_BY_TIME, "about_id")


def upgrade() -> None:
    _say_whom_entries_concern()
    op.create_table(
        "lockdowns",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("started_by_id", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(), nullable=True),
        sa.Column("lifted_by_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_lockdowns"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lockdowns_expires_at", "lockdowns", ["expires_at"])
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("prefix", sa.String(length=8), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=False),
        sa.Column("scopes", sa.String(length=300), nullable=False),
        sa.Column("room_ids", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.Column("last_used_at", sa.DateTime(), nullable=True),
        sa.Column("last_used_address", sa.String(length=64), nullable=False),
        sa.Column("replaced_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["users.id"],
            name="fk_api_tokens_created_by_id_users",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["replaced_by_id"], ["api_tokens.id"], name="fk_api_tokens_replaced_by_id_api_tokens"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name="fk_api_tokens_user_id_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("prefix", name="uq_api_tokens_prefix"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_api_tokens_created_by_id", "api_tokens", ["created_by_id"])
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"])

    op.create_table(
        "challenges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=24), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("webauthn", sa.String(length=128), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name="fk_challenges_user_id_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_challenges"),
        sa.UniqueConstraint("token_digest", name="uq_challenges_token_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_challenges_expires_at", "challenges", ["expires_at"])
    op.create_index("ix_challenges_user_id", "challenges", ["user_id"])

    op.create_table(
        "devices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("browser_digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name="fk_devices_user_id_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.UniqueConstraint("user_id", "browser_digest", name="uq_devices_user_id_browser_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_devices_browser_digest", "devices", ["browser_digest"])

    op.create_table(
        "passkeys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(length=1023), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=2048), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("transports", sa.JSON(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name="fk_passkeys_user_id_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.UniqueConstraint("credential_id", name="uq_passkeys_credential_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["user_id"])

    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name="fk_recovery_codes_user_id_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_codes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_recovery_codes_user_id", "recovery_codes", ["user_id"])

    op.create_table(
        "reset_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("clears_two_factor", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name="fk_reset_links_created_by_id_users"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name="fk_reset_links_user_id_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reset_links"),
        sa.UniqueConstraint("token_digest", name="uq_reset_links_token_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reset_links_user_id", "reset_links", ["user_id"])

    op.create_table(
        "sign_in_failures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(length=80), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(), nullable=False),
        sa.Column("last_at", sa.DateTime(), nullable=False),
        sa.Column("locked_until", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name="fk_sign_in_failures_user_id_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_failures"),
        sa.UniqueConstraint("user_id", "place", name="uq_sign_in_failures_user_id_place"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "totp_secrets",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("sealed_secret", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name="fk_totp_secrets_user_id_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name="pk_totp_secrets"),
    )
    op.create_table(
        "api_reads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("hour", sa.DateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["token_id"],
            ["api_tokens.id"],
            name="fk_api_reads_token_id_api_tokens",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_reads"),
        sa.UniqueConstraint("token_id", "address", "hour", name="uq_api_reads_token_id_address_hour"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_api_reads_hour", "api_reads", ["hour"])

    op.create_table(
        "newcomers",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("invitation_id", sa.Integer(), nullable=True),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["invitations.id"], name="fk_newcomers_invitation_id_invitations"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name="fk_newcomers_user_id_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name="pk_newcomers"),
    )
    with op.batch_alter_table("login_sessions") as sessions:
        sessions.add_column(sa.Column("proved_at", sa.DateTime(), nullable=True))
        sessions.add_column(sa.Column("device_id", sa.Integer(), nullable=True))
        sessions.create_foreign_key(
            "fk_login_sessions_device_id_devices", "devices", ["device_id"], ["id"], ondelete="SET NULL"
        )
        sessions.create_index("ix_login_sessions_device_id", ["device_id"])
    op.add_column("users", sa.Column("two_factor_since", sa.DateTime(), nullable=True))
    op.create_index("ix_messages_created_at", "messages", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_messages_created_at", "messages")
    op.drop_column("users", "two_factor_since")
    with op.batch_alter_table("login_sessions") as sessions:
        sessions.drop_constraint("fk_login_sessions_device_id_devices", type_="foreignkey")
        sessions.drop_index("ix_login_sessions_device_id")
        sessions.drop_column("device_id")
        sessions.drop_column("proved_at")
    op.drop_table("newcomers")
    op.drop_table("api_reads")
    op.drop_table("totp_secrets")
    op.drop_table("sign_in_failures")
    op.drop_table("reset_links")
    op.drop_table("recovery_codes")
    op.drop_table("passkeys")
    op.drop_table("devices")
    op.drop_table("challenges")
    op.drop_table("api_tokens")
    op.drop_table("lockdowns")
    for name in SORTED_BY_ID:
        op.drop_index(f"ix_audit_logs_{name}_id", "audit_logs")
    for name in SORTED_BY_TIME:
        op.create_index(f"ix_audit_logs_{name}_at", "audit_logs", [name, "at"])


def _say_whom_entries_concern() -> None:
    """Add about_id, guarded like the rest, and the indexes in the order in which entries are read.

    It stays on the way down: it is in the hashes of the rows that have it, which would seem forged without it.
    """
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("audit_logs")}
    if "about_id" not in columns:
        op.add_column("audit_logs", sa.Column("about_id", sa.Integer(), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        _guard_on_sqlite()
    else:
        _guard_on_postgresql()
    for name in SORTED_BY_TIME:
        op.drop_index(f"ix_audit_logs_{name}_at", "audit_logs")
    for name in SORTED_BY_ID:
        op.create_index(f"ix_audit_logs_{name}_id", "audit_logs", [name, "id"])


def _guard_on_sqlite() -> None:
    erased = " AND ".join(
        [*(f"NEW.{name} IS NULL" for name in PERSONAL), *(f"NEW.{name} IS OLD.{name}" for name in KEPT)]
    )
    op.execute("DROP TRIGGER audit_logs_no_change")
    op.execute(
        f"""CREATE TRIGGER audit_logs_no_change BEFORE UPDATE ON audit_logs WHEN NOT ({erased})
        BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END"""
    )


def _guard_on_postgresql() -> None:
    erased = " AND ".join(
        [
            *(f"NEW.{name} IS NULL" for name in PERSONAL),
            *(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in KEPT),
        ]
    )
    op.execute(
        f"""CREATE OR REPLACE FUNCTION audit_logs_guard() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' THEN
                IF {erased} THEN RETURN NEW; END IF;
                RAISE EXCEPTION 'the audit log cannot be changed';
            ELSIF TG_OP = 'DELETE' THEN
                IF OLD.at <= (now() AT TIME ZONE 'UTC') - interval '90 days' THEN RETURN OLD; END IF;
            END IF;
            RAISE EXCEPTION 'the audit log cannot be deleted yet';
        END $$"""
    )
