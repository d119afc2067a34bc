"""`make fuzz`: at least 20,000 generated requests; exits with 1 when anything is wrong."""

import sys
import tempfile
from pathlib import Path

from tests.fuzz.running import counts, fuzz, fuzzed_service, server_errors, unauthenticated_successes

WANTED = 20_000
EXAMPLES = 280


def main() -> int:
    """Both runs and their figures."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        with fuzzed_service(root) as api:
            status, printed = fuzz(api, root, 5, authenticated=False)
            # Without credentials documents are refused before they are read, so only what got through counts.
            entered, total = unauthenticated_successes(api), sum(one.requests for one in counts(api))
            status, printed = fuzz(api, root, EXAMPLES)
            broken, total = server_errors(api), sum(one.requests for one in counts(api))
    print(printed)
    print(f"fuzz: {total} requests, {len(broken)} server errors, {len(entered)} unauthenticated successes")
    for one in (*broken, *entered):
        print(one)
    return int(bool(status or broken or entered or total < WANTED))


if __name__ == "__main__":
    sys.exit(main())
