"""One job about backups in a process of its own: `python -m homechat.backup_job`, with its order on standard input."""

from __future__ import annotations

import os
import sys

from homechat import create_app, logs
from homechat.operations.backups import orders, working

NICENESS = 10


def main() -> int:
    """Do what the order says, behind everybody who talks; return 0 when it went well, else 1."""
    os.nice(NICENESS)
    os.umask(0o077)
    order = orders.read(sys.stdin.read())
    logs.configure(order.settings)
    app = create_app(order.settings, commands=False)
    with app.app_context():
        went_well = working.do(order.actor, order.work, order.backup_id, order.settings)
    return 0 if went_well else 1


if __name__ == "__main__":
    sys.exit(main())
