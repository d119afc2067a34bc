"""The Celery app without tasks: queues and the settings under which messages are only doorbells.

A message may be lost, doubled or late without harm (reliability.md 3.13); these settings make that rarer.
"""

from collections.abc import Mapping
from enum import StrEnum
from ssl import CERT_REQUIRED

from celery import Celery

from workers.broker.settings import broker_url
from workers.broker.transport import Messaging

SLICE = "workers.tasks.slice"
DISPATCH = "workers.tasks.dispatch"
VISIBILITY_SECONDS = 3600
EXCHANGE = "oms"


class QueueName(StrEnum):
    """Where doorbells wait: slices by priority of their task, and the word to the dispatcher."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    CONTROL = "control"

    @classmethod
    def of_priority(cls, priority: int) -> "QueueName":
        """The queue of a task's priority (0 HIGH, 1 MEDIUM, 2 LOW)."""
        return (cls.HIGH, cls.MEDIUM, cls.LOW)[priority]


# Redis is asked in this order, so HIGH is served before MEDIUM before LOW.
_ORDER = (QueueName.CONTROL, QueueName.HIGH, QueueName.MEDIUM, QueueName.LOW)


def create_app(redis_url: str, transport: Mapping[str, object] | None = None) -> Celery:
    """An app that talks to this Redis; `transport` is laid over the transport options."""
    app = Celery("oms", amqp=Messaging, set_as_current=False)
    app.conf.update(
        broker_url=broker_url(redis_url),
        broker_use_ssl={"ssl_cert_reqs": CERT_REQUIRED} if redis_url.startswith("rediss:") else None,
        **_reconnection(),
        **_delivery(),
        **_worker(),
    )
    app.conf.broker_transport_options = {
        "visibility_timeout": VISIBILITY_SECONDS,
        "queue_order_strategy": "priority",
        "socket_connect_timeout": 2,
        "socket_timeout": 10,
        "socket_keepalive": True,
        "health_check_interval": 25,
        **(transport or {}),
    }
    return app


def _reconnection() -> dict[str, object]:
    return {
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 2,
    }


def _delivery() -> dict[str, object]:
    return {
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "result_backend": None,
        "result_backend_transport_options": {"visibility_timeout": VISIBILITY_SECONDS},
        "visibility_timeout": VISIBILITY_SECONDS,
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "task_queues": {name.value: {"exchange": EXCHANGE, "routing_key": name.value} for name in _ORDER},
        "task_default_queue": QueueName.MEDIUM.value,
        "task_default_exchange": EXCHANGE,
        "task_default_routing_key": QueueName.MEDIUM.value,
        "task_create_missing_queues": False,
        "enable_utc": True,
    }


def _worker() -> dict[str, object]:
    return {
        "worker_pool": "threads",
        "worker_concurrency": 4,
        "worker_prefetch_multiplier": 1,
        "worker_soft_shutdown_timeout": 3.0,
        "worker_enable_soft_shutdown_on_idle": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
    }
