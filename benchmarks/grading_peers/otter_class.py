"""Grade files with otter's own interface: run by the Python that has otter.

Arguments: the archive, then the notebooks. Prints a JSON list: the points of each, or
null where otter gave none.
"""

import json
import sys
import traceback

from otter.api import grade_submission


def points(archive: str, path: str) -> float | None:
    """The points of one notebook."""
    try:
        return float(grade_submission(path, archive, quiet=True).total)
    except Exception:  # noqa: BLE001 whatever it is, this file has no grade
        traceback.print_exc()
        return None


if __name__ == "__main__":
    archive, *paths = sys.argv[1:]
    print(json.dumps([points(archive, path) for path in paths]))
