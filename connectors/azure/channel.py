"""Signs and sends the requests of one container: with the account's key, or with a SAS in each query."""

import time
from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import parse_qsl

from connectors.s3.channel import Ask, Channel
from connectors.s3.place import Account, Place
from connectors.wire import Wire, WireRequest
from connectors.wire.encoding import Query, encode_key, raw_query
from connectors.wire.signing import shared_key

# The first version with encoded names in listings and the tier Cold (clouds.md B7); every Azure cloud knows it.
VERSION = "2021-12-02"


class AzureChannel(Channel):
    """Sends `Ask`s to `base/container/blob`. An account's token is its SAS, which is used in place of the key."""

    def __init__(
        self,
        wire: Wire,
        place: Place,
        account: Account,
        name: str,
        base: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(wire, place, account, name, clock)
        self._base = base
        self._sas: Query = (
            tuple(parse_qsl(account.token, keep_blank_values=True, strict_parsing=True))
            if (account.token)
            else ()
        )

    def _request(self, ask: Ask) -> WireRequest:
        target, path, query = self.place.target, self._path(ask), ask.query + self._sas
        headers = {name: value.strip() for name, value in ask.headers}
        headers |= {
            "x-ms-version": VERSION,
            "x-ms-date": formatdate(self._clock() + self._offset, usegmt=True),
        }
        if ask.body:
            headers["content-length"] = str(len(ask.body))
        if not self._sas:
            keys = shared_key.Keys(self._account.access_key, self._account.secret_key)
            headers["authorization"] = shared_key.authorization(ask.method, path, query, headers, keys)
        return WireRequest(
            method=ask.method,
            target=target,
            raw_target=f"{path}?{raw_query(query)}" if query else path,
            headers=headers,
            body=ask.body,
            limits=ask.limits,
            pace=ask.pace,
            expected=ask.expected,
            store=self.name,
            operation=ask.operation,
        )

    def _path(self, ask: Ask) -> str:
        if ask.service:
            return f"{self._base}/"
        container = f"{self._base}/{self.place.bucket}"
        return container if ask.key is None else f"{container}/{encode_key(ask.key)}"
