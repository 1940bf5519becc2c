"""Which tests the last run left failed, one a line, for `bin/test`: `python -m tests.failed --at-most 20`.

Ends with 1 when there are none, or more than that: then trying again would only hide something.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

LAST_FAILED = Path(__file__).parent.parent / ".pytest_cache/v/cache/lastfailed"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--at-most", type=int, required=True)
    most = parser.parse_args().at_most
    failed = sorted(json.loads(LAST_FAILED.read_text())) if LAST_FAILED.exists() else []
    if not 1 <= len(failed) <= most:
        sys.exit(1)
    sys.stdout.write("\n".join(failed))


if __name__ == "__main__":
    main()
