"""Where the files beside the code are, in a checkout and in an installed wheel.

In a checkout `templates/`, `static/` and `migrations/` lie next to the package; a wheel carries them inside
it, under `_files/`.
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
IS_INSTALLED = (PACKAGE / "_files").is_dir()
ROOT = PACKAGE / "_files" if IS_INSTALLED else PACKAGE.parent

TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
MIGRATIONS = ROOT / "migrations"


def default_data_dir() -> Path:
    """Return the data folder of a house that named none: `data/` of the checkout, else in the user's home."""
    if not IS_INSTALLED:
        return ROOT / "data"
    data_home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data_home) / "homechat"
