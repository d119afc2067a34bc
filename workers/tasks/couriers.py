"""Brings a notification to where its topic points: a webhook by the wire's rules, or a mail server."""

import asyncio
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, Protocol
from urllib.parse import quote, unquote, urlsplit

import orjson

from connectors.endpoints import ANY, Endpoints
from connectors.wire import Limits, Route, Target, Wire, WireFailure, WireRequest
from engine.failures import Meaning
from engine.notices import Letter
from ledger.notices import Due

ID_HEADER: Final = "x-oms-message-id"
_ANSWER_MOST: Final = 64 << 10
_SECONDS: Final = 15.0
_BUSY: Final = (408, 425, 429, 502, 503, 504)

INTERNAL: Final = "OMS.0156"
NOT_FOUND: Final = "OMS.0157"
NOT_ALLOWED: Final = "OMS.0158"
SYSTEM: Final = "OMS.0159"
BUSY: Final = "OMS.0160"
NETWORK: Final = "OMS.0161"


class NotDelivered(Exception):
    """It did not arrive. `code` says why in the reference's words; `final`: another try would change nothing."""

    def __init__(self, code: str, *, final: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.final = final


class Courier(Protocol):
    """Knows one kind of address."""

    async def deliver(self, address: str, due: Due, letter: Letter) -> None:
        """Returns when the other side has taken it. Raises NotDelivered."""
        ...


class Webhooks:
    """POSTs JSON. Private hosts only where the endpoints file names them for SMN."""

    def __init__(self, wire: Wire, endpoints: Endpoints) -> None:
        self._wire = wire
        self._endpoints = endpoints

    async def deliver(self, address: str, due: Due, letter: Letter) -> None:
        """A 2xx answer takes it; a redirect is not followed."""
        target, raw = self._aim(address)
        headers = {"content-type": "application/json; charset=utf-8", ID_HEADER: due.key, "user-agent": "oms"}
        limits = Limits(connect=_SECONDS, idle=_SECONDS, grace=_SECONDS, body_max=_ANSWER_MOST)
        request = WireRequest("POST", target, raw, headers, message_body(due, letter), limits)
        try:
            answer = await self._wire.send(request)
        except WireFailure as failure:
            if failure.meaning is Meaning.FORBIDDEN_ADDRESS:
                raise NotDelivered(NOT_ALLOWED, final=True) from failure
            raise NotDelivered(NETWORK) from failure
        _judge(answer.status)

    def _aim(self, address: str) -> tuple[Target, str]:
        try:
            parts = urlsplit(address)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise NotDelivered(INTERNAL, final=True) from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotDelivered(INTERNAL, final=True)
        raw = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
            f"?{parts.query}" if parts.query else ""
        )
        return Target(parts.scheme, parts.hostname, port, self._route(parts.hostname)), raw

    def _route(self, host: str) -> Route:
        for line in self._endpoints.lines:
            if line.cloud_type in (ANY, "SMN") and line.host == host:
                return line.target.route
        return Route()


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in. `tls`: from the first byte; without it STARTTLS is used when it is offered."""

    host: str
    port: int
    sender: str
    tls: bool = False
    user: str = ""
    password: str = ""


class Mails:
    """Hands mail in; an installation without a mail server delivers none."""

    def __init__(self, server: MailServer | None) -> None:
        self._server = server

    async def deliver(self, address: str, due: Due, letter: Letter) -> None:
        """The server has taken it for every recipient."""
        if self._server is None:
            raise NotDelivered(SYSTEM, final=True)
        recipients = unquote(urlsplit(address).path)
        try:
            await asyncio.to_thread(_hand_in, self._server, _mail(self._server, recipients, due, letter))
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            raise NotDelivered(BUSY if _passing(error) else SYSTEM, final=not _passing(error)) from error
        except smtplib.SMTPAuthenticationError as error:
            raise NotDelivered(NOT_ALLOWED) from error
        except smtplib.SMTPException as error:
            raise NotDelivered(SYSTEM) from error
        except OSError as error:
            raise NotDelivered(NETWORK) from error


def message_body(due: Due, letter: Letter) -> bytes:
    """What a webhook gets: the fields of a message, and those of a template publication where one was asked for."""
    body: dict[str, object] = {
        "type": "Notification",
        "message_id": due.key,
        "topic_urn": due.wish.topic_urn,
        "project_id": due.project_id,
        "subject": letter.subject,
        "message": letter.text,
        "tags": dict(letter.variables),
    }
    if due.wish.template:
        body["message_template_name"] = due.wish.template
    return orjson.dumps(body)


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if status in (404, 410):
        raise NotDelivered(NOT_FOUND)
    if status in (401, 403):
        raise NotDelivered(NOT_ALLOWED)
    raise NotDelivered(BUSY if status in _BUSY else INTERNAL)


def _mail(server: MailServer, recipients: str, due: Due, letter: Letter) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = server.sender, recipients
    mail["Subject"] = " ".join(letter.subject.split())
    mail["Message-ID"] = f"<{quote(due.key, safe='')}@oms>"
    mail[ID_HEADER] = due.key
    mail.set_content(letter.text)
    return mail


def _hand_in(server: MailServer, mail: EmailMessage) -> None:
    context = ssl.create_default_context()
    if server.tls:
        session: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=_SECONDS, context=context)
    else:
        session = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
    with session:
        session.ehlo()
        if not server.tls and session.has_extn("starttls"):
            session.starttls(context=context)
            session.ehlo()
        if server.user:
            session.login(server.user, server.password)
        session.send_message(mail)


def _passing(error: smtplib.SMTPException) -> bool:
    codes: list[int] = []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        refused: Mapping[str, tuple[int, bytes]] = error.recipients
        codes = [code for code, _ in refused.values()]
    elif isinstance(error, smtplib.SMTPResponseException):
        codes = [error.smtp_code]
    return bool(codes) and all(400 <= code < 500 for code in codes)
