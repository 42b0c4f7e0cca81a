"""The grader: restoring, running and reporting, each on its own.

nbformat loads jsonschema, and that a parser of international web addresses, whose
grammar takes seconds to build. No notebook holds such an address to check, so here it
counts as not installed, which jsonschema allows for.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
