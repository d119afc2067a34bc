"""The ledger on Postgres: all that `workers.transfer.ports.Ledger` promises."""

from ledger.checkpoints import Checkpoints
from ledger.control import Controls
from ledger.endpoints import Endpoints
from ledger.grouping import Grouping
from ledger.pages import Pages
from ledger.plans import Plans
from ledger.records import Records
from ledger.request_counts import RequestCounts
from ledger.spans import Spans
from ledger.sync_endings import SyncEndings
from ledger.uploads import Uploads


class PostgresLedger(
    Spans,
    Controls,
    Plans,
    Pages,
    Checkpoints,
    Uploads,
    Records,
    SyncEndings,
    Grouping,
    Endpoints,
    RequestCounts,
):
    """One object for one pool, so for one event loop.

    Every method may be called again after a lost answer. A lost connection, a restarting server and a deadlock are
    waited out by the pool; after its patience the psycopg.Error comes through.
    """
