"""kombu's Redis transport, except that it never puts messages back when a connection closes.

kombu 5.7 does so with the connection that has just been lost, fails with an AttributeError, and Celery ends the whole
worker. A doorbell that is not put back costs at most the seconds until the next one.
"""

from celery.app.amqp import AMQP
from kombu import connection
from kombu.transport import redis


class Channel(redis.Channel):
    """What is not acknowledged stays where it is until the visibility timeout."""

    do_restore = False


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
