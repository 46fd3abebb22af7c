"""A program on its own: reads a pattern and names as JSON, writes what the pattern finds in each.

It imports nothing of Segscope, so that it starts fast, and is run by `app.datasets.pairing.group_pattern` only.
Exit code 3 says that the pattern is no regular expression; the reason is on standard output.
"""

from __future__ import annotations

import json
import re
import sys


def main() -> int:
    """Answer the one question on standard input."""
    question = json.load(sys.stdin)
    try:
        pattern = re.compile(question["pattern"])
    except (re.error, RecursionError, OverflowError) as error:
        sys.stdout.write(str(error))
        return 3
    groups = []
    for name in question["names"]:
        found = pattern.search(name)
        groups.append((found[1 if pattern.groups else 0] or None) if found else None)
    json.dump(groups, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
