"""Exits 0 when the house needs no `flask prepare`: bin/run and the container ask, as it loads slowly.

Whatever is wrong counts as "not prepared": `flask prepare` then says it in a sentence.
"""

import sys

from homechat import config, paths, revisions


def is_prepared() -> bool:
    """Return whether there is a secret key, and a database at the newest revision. Makes nothing."""
    settings = config.load()
    if not settings.secret_key or (settings.sqlite_file and not settings.sqlite_file.exists()):
        return False
    return revisions.present(settings.database_url) == revisions.wanted(paths.MIGRATIONS)


if __name__ == "__main__":
    sys.exit(0 if is_prepared() else 1)
