"""The Celery app of the workers: the broker's app, its two tasks, and the runtime beside its threads."""

import logging
from collections.abc import Mapping
from typing import Any

from celery import Celery, bootsteps, signals
from celery.apps.worker import Worker

from workers.broker.app import DISPATCH, SLICE, QueueName, create_app
from workers.tasks.runtime import Build, Runtime
from workers.tasks.settings import Settings

log = logging.getLogger(__name__)


class DoorbellWorker(Worker):  # type: ignore[misc]  # Celery has no types
    """A Celery worker that neither mingles nor gossips: nobody depends on what the others have heard."""

    def prepare_args(self, **kwargs: Any) -> Any:
        """Lays our options over the ones of the command line."""
        return super().prepare_args(**{**kwargs, "without_mingle": True, "without_gossip": True})


def create(settings: Settings, build: Build) -> Celery:
    """An app whose worker runs a Runtime beside its threads; `celery worker` on it needs no options."""
    runtime = Runtime(settings, build)
    app = create_app(settings.redis_url)
    app.Worker = app.subclass_with_self(DoorbellWorker, name="Worker", reverse="Worker")
    app.steps["worker"].add(_runtime_step(runtime))
    _add_tasks(app, runtime)
    return app


def _add_tasks(app: Celery, runtime: Runtime) -> None:
    def work(self: Any, task_id: int | None = None) -> None:
        """One slice of work; the id is no order, only what the ringer had in mind."""
        runtime.slice(_queue(self.request.delivery_info), task_id)

    def dispatch() -> None:
        """One early turn of the dispatcher."""
        runtime.dispatch()

    app.task(work, name=SLICE, bind=True)
    app.task(dispatch, name=DISPATCH)


def _queue(delivery: Mapping[str, Any] | None) -> str:
    # A new message goes where the old one came from; what is sent by hand may come from anywhere.
    name = (delivery or {}).get("routing_key")
    return name if name in set(QueueName) else QueueName.MEDIUM.value


def _runtime_step(runtime: Runtime) -> type[bootsteps.StartStopStep]:
    class RuntimeStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
        """Starts the loop before the broker is dialled, and ends it before the pool waits for its threads."""

        name = "runtime"
        requires = ("celery.worker.components:Pool",)

        def start(self, parent: Any) -> None:
            # The signal comes at once; Celery itself may still sit in a dial to a dead Redis.
            signals.worker_shutting_down.connect(self._told, weak=False)
            runtime.start()

        def stop(self, parent: Any) -> None:
            try:
                runtime.stop()
            except Exception:
                # Celery logs what a step raises while it stops, and would still end with 0.
                parent.exitcode = 1
                raise

        terminate = stop

        def _told(self, **_: Any) -> None:
            runtime.ask_to_stop()

    return RuntimeStep
