"""kombu's Redis transport, except that a channel whose connection is lost is left alone.

kombu 5.7 still puts messages back and acknowledges through it, fails with an AttributeError, and Celery ends the whole
worker. A doorbell that is not put back, or rings twice, costs nothing that matters.
"""

from typing import Any

from celery.app.amqp import AMQP
from kombu import connection
from kombu.transport import redis


class Channel(redis.Channel):
    """What is not acknowledged stays where it is until the visibility timeout."""

    do_restore = False

    def basic_ack(self, delivery_tag: Any, multiple: bool = False) -> None:
        """As kombu's while the channel is open."""
        if not self.closed:
            super().basic_ack(delivery_tag, multiple)  # type: ignore[no-untyped-call]  # kombu has no types

    def basic_reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        """As kombu's while the channel is open."""
        if not self.closed:
            super().basic_reject(delivery_tag, requeue)  # type: ignore[no-untyped-call]  # as above


class Transport(redis.Transport):
    """Makes such channels."""

    Channel = Channel


class Connection(connection.Connection):
    """Whatever the URL, the transport is ours."""

    def get_transport_cls(self) -> type[Transport]:
        """The class, not its name: the schemes of the broker's URL stay those that tools like Flower know."""
        return Transport


class Messaging(AMQP):  # type: ignore[misc]  # Celery has no types
    """Makes such connections for an app."""

    Connection = Connection
