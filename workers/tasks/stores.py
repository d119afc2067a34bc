"""Opens a task's stores with the credentials that its owner sealed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from connectors.azure.connection import BadConnectionString, secrets_in
from connectors.capabilities import DestinationStore, SourceStore
from connectors.endpoints import EndpointError, Endpoints
from connectors.errors import Fatal
from connectors.google.accounts import KeyFileError, private_key_in
from connectors.locations import Credentials, Location
from connectors.registry import UnsupportedCloud, open_store, open_urls, through_cdn
from connectors.wire import OperationCounts, Wire
from engine.failures import Meaning, Operation, Side
from engine.spec import CloudType, TaskSpec
from ledger.seal import SealError
from ledger.values import TaskFacts, TaskId
from workers.tasks.log import Secrets
from workers.transfer.ports import StorePair

Keyring = Callable[[TaskId], Awaitable[Mapping[Side, Credentials]]]


class TaskStores:
    """A `Stores`. Credentials come from the ledger, never from a message, and go with their task."""

    def __init__(
        self, wire: Wire, endpoints: Endpoints, keyring: Keyring, secrets: Secrets, workers: Callable[[], int]
    ) -> None:
        self._wire = wire
        self._endpoints = endpoints
        self._keyring = keyring
        self._secrets = secrets
        self._workers = workers

    async def open(self, facts: TaskFacts) -> StorePair:
        """The stores of a task. Raises Fatal when credentials are gone or a store cannot be named."""
        return self._open(facts, await self._keys(facts.task_id))

    async def forget(self, pair: StorePair) -> None:
        """Its secrets need no hiding any more, unless other stores have them too."""
        self._secrets.drop(pair.secrets)

    async def workers(self) -> int:
        """How many workers live, this one included."""
        return self._workers()

    async def _keys(self, task_id: TaskId) -> Mapping[Side, Credentials]:
        try:
            return await self._keyring(task_id)
        except SealError as error:
            raise _fatal(Meaning.BAD_CREDENTIALS, "the credentials cannot be unsealed") from error

    def _open(self, facts: TaskFacts, keys: Mapping[Side, Credentials]) -> StorePair:
        # Held before anything is tried with them: an error's text must not carry them either.
        hidden = tuple(value for found in keys.values() for value in _hidden(found))
        self._secrets.hold(hidden)
        try:
            return replace(self._pair(facts, keys), secrets=hidden)
        except BaseException:
            self._secrets.drop(hidden)
            raise

    def _pair(self, facts: TaskFacts, keys: Mapping[Side, Credentials]) -> StorePair:
        spec = facts.spec
        there = spec.destination
        asked = {side: OperationCounts() for side in Side}
        wires = {side: self._wire.counted(counts) for side, counts in asked.items()}
        source = Location(
            spec.source.cloud_type.value,
            spec.source.region,
            spec.source.bucket,
            Side.SOURCE,
            requester_pays=spec.requester_pays,
            app_id=spec.source.app_id,
        )
        listed = spec.source.list_file
        return StorePair(
            self._source(spec, source, keys, wires[Side.SOURCE]),
            self._store(_ours(there.region, there.bucket), keys, wires[Side.DESTINATION]),
            # A list file lies in the destination's region and is read with its keys (OMS 5.2.3).
            self._store(_ours(there.region, listed.bucket), keys, wires[Side.DESTINATION])
            if listed
            else None,
            asked,
        )

    def _source(
        self, spec: TaskSpec, location: Location, keys: Mapping[Side, Credentials], wire: Wire
    ) -> SourceStore:
        if spec.source.cloud_type is CloudType.URL_SOURCE:
            return open_urls(wire, self._endpoints)
        bucket = self._store(location, keys, wire)
        if spec.cdn is None:
            return bucket
        access = location.bucket, keys[Side.SOURCE]
        try:
            return through_cdn(bucket, spec.cdn, access, wire, self._endpoints)
        except ValueError as error:
            raise _fatal(Meaning.REJECTED, str(error), Side.SOURCE) from error

    def _store(self, location: Location, keys: Mapping[Side, Credentials], wire: Wire) -> DestinationStore:
        credentials = keys.get(location.side)
        if credentials is None:
            raise _fatal(Meaning.BAD_CREDENTIALS, "the credentials are gone", location.side)
        try:
            return open_store(location, credentials, wire, self._endpoints)
        except (UnsupportedCloud, EndpointError) as error:
            raise _fatal(Meaning.WRONG_REGION, str(error), location.side) from error
        except BadConnectionString as error:
            raise _fatal(Meaning.BAD_CONNECTION_STRING, str(error), location.side) from error
        except KeyFileError as error:
            raise _fatal(Meaning.BAD_CREDENTIALS, str(error), location.side) from error
        except ValueError as error:
            raise _fatal(Meaning.NO_BUCKET, str(error), location.side) from error


def _ours(region: str, bucket: str) -> Location:
    return Location(CloudType.HEC.value, region, bucket, Side.DESTINATION)


def _hidden(credentials: Credentials) -> tuple[str, ...]:
    secret, token = credentials.secret_key.get_secret_value(), credentials.token.get_secret_value()
    values = (
        secret,
        token,
        credentials.cdn_key.get_secret_value(),
        private_key_in(secret),
        *secrets_in(secret),
    )
    return tuple(value for value in values if value)


def _fatal(meaning: Meaning, message: str, side: Side = Side.DESTINATION) -> Fatal:
    fatal = Fatal(meaning, Operation.CHECK_BUCKET, message=message)
    fatal.side = side
    return fatal
