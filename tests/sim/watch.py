"""What production logs when it meets something that it does not expect: in a simulated world that is a finding."""

import logging
from typing import TYPE_CHECKING

from tests.sim.book import Away

if TYPE_CHECKING:
    from tests.sim.checks import Checks

SURPRISES = frozenset({"job_failed", "run_does_not_add_up", "listing_does_not_add_up", "object_broke"})


class Watch(logging.Handler):
    """Turns surprises into violations; a ledger that is away is none."""

    def __init__(self, checks: "Checks") -> None:
        super().__init__(logging.WARNING)
        self._checks = checks

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg not in SURPRISES:
            return
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, Away):
            self._checks.complain("surprise", f"{record.msg}: {error!r} {getattr(record, 'found', '')}")
