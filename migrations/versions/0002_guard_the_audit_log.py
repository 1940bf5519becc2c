"""Guard the audit log with triggers, and give its chain and the security epoch their one row.

A row may only lose its personal columns, all at once, and may only go after 90 days, the shortest time it can be kept.

Revision: 0002, after 0001.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GENESIS = "0" * 64
PERSONAL = ("address", "user_agent", "detail", "salt")
KEPT = ("id", "at", "action", "actor_id", "door", "subject", "personal_digest", "previous_hash", "hash")
TRIGGERS_ON_SQLITE = ("audit_logs_no_change", "audit_logs_no_early_deletion", "audit_logs_no_replacement")
TRIGGERS_ON_POSTGRESQL = ("audit_logs_no_change", "audit_logs_no_early_deletion", "audit_logs_no_truncation")


def upgrade() -> None:
    op.execute(
        f"""INSERT INTO audit_chain (id, anchor_hash, head_hash) VALUES (1,
        COALESCE((SELECT previous_hash FROM audit_logs ORDER BY id LIMIT 1), '{GENESIS}'),
        COALESCE((SELECT hash FROM audit_logs ORDER BY id DESC LIMIT 1), '{GENESIS}'))"""
    )
    op.execute("INSERT INTO security_epoch (id, value) VALUES (1, 0)")
    if op.get_bind().dialect.name == "sqlite":
        _guard_on_sqlite()
    else:
        _guard_on_postgresql()


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in TRIGGERS_ON_SQLITE:
            op.execute(f"DROP TRIGGER {name}")
    else:
        for name in TRIGGERS_ON_POSTGRESQL:
            op.execute(f"DROP TRIGGER {name} ON audit_logs")
        op.execute("DROP FUNCTION audit_logs_guard()")
    op.execute("DELETE FROM security_epoch")
    op.execute("DELETE FROM audit_chain")


def _guard_on_sqlite() -> None:
    erased = " AND ".join(
        [*(f"NEW.{name} IS NULL" for name in PERSONAL), *(f"NEW.{name} IS OLD.{name}" for name in KEPT)]
    )
    op.execute(
        f"""CREATE TRIGGER audit_logs_no_change BEFORE UPDATE ON audit_logs WHEN NOT ({erased})
        BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END"""
    )
    op.execute(
        """CREATE TRIGGER audit_logs_no_early_deletion BEFORE DELETE ON audit_logs
        WHEN OLD.at > datetime('now', '-90 days')
        BEGIN SELECT RAISE(ABORT, 'the audit log cannot be deleted yet'); END"""
    )
    # INSERT OR REPLACE deletes the row that is in its way without asking any trigger of deletion.
    op.execute(
        """CREATE TRIGGER audit_logs_no_replacement BEFORE INSERT ON audit_logs
        WHEN EXISTS (SELECT 1 FROM audit_logs WHERE id = NEW.id OR hash = NEW.hash)
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
        f"""CREATE FUNCTION audit_logs_guard() RETURNS trigger LANGUAGE plpgsql AS $$
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
    for name, when in zip(TRIGGERS_ON_POSTGRESQL, ("BEFORE UPDATE", "BEFORE DELETE"), strict=False):
        op.execute(
            f"CREATE TRIGGER {name} {when} ON audit_logs FOR EACH ROW EXECUTE FUNCTION audit_logs_guard()"
        )
    op.execute(
        f"""CREATE TRIGGER {TRIGGERS_ON_POSTGRESQL[2]} BEFORE TRUNCATE ON audit_logs
        FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_guard()"""
    )
