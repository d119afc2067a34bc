"""Sends the requests of one bucket with a bearer token, to either of the vendor's two interfaces."""

from dataclasses import replace

from connectors.google.errors import refused
from connectors.google.tokens import Tokens
from connectors.s3.channel import Ask, Channel
from connectors.s3.place import Account, Place
from connectors.wire import Target, Wire, WireAnswer
from connectors.wire.encoding import encode_value
from engine.values import value


@value(frozen=True, slots=True)
class JsonAsk(Ask):
    """A request of the JSON interface: `path` stands below the bucket, or below all buckets for `service`."""

    path: str = ""
    root: str = "/storage/v1"


def object_path(key: bytes) -> str:
    """An object below its bucket; its name is one piece of the path."""
    return f"/o/{encode_value(key)}"


class GoogleChannel(Channel):
    """A `Channel` whose asks without a path go to the XML interface."""

    def __init__(self, wire: Wire, place: Place, name: str, tokens: Tokens, project: str) -> None:
        super().__init__(wire, place, Account("", ""), name)
        self.project = project
        self._tokens = tokens

    async def call(self, ask: Ask) -> WireAnswer:
        """See `Channel.call`. A token that is refused is replaced once."""
        token = await self._tokens.token(ask.operation)
        answer = await self._sent(ask, token)
        if answer.status == 401:
            self._tokens.drop(token)
            answer = await self._sent(ask, await self._tokens.token(ask.operation))
        if answer.status < 300:
            return answer
        raise refused(ask.operation, answer)

    async def _sent(self, ask: Ask, token: str) -> WireAnswer:
        self._account = replace(self._account, secret_key=token)
        return await self._send(ask)

    def _where(self, ask: Ask) -> tuple[Target, str, str]:
        place = self.place
        if isinstance(ask, JsonAsk):
            bucket = "" if ask.service else f"/{encode_value(place.bucket)}"
            path = f"{ask.root}/b{bucket}{ask.path}"
        else:
            # A slash in a name is part of it, so that `a/../b` stays what it is.
            path = f"/{place.bucket}" if ask.key is None else f"/{place.bucket}/{encode_value(ask.key)}"
        return place.target, path, path

    def _payer(self) -> tuple[str, str]:
        return "x-goog-user-project", self.project
