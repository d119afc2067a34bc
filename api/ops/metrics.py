"""Counters of this process in the Prometheus form; figures of the ledger are added when they are asked for."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What this process has answered. Labels never hold keys, names of buckets or ids."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "oms_http_requests", "Answered requests.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "oms_http_request_seconds", "Time to answer.", ["method", "route"], registry=self._registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one answer."""
        known = method if method in _METHODS else "OTHER"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)

    def render(self, gauges: Iterable["Gauge"]) -> bytes:
        """All of it as text, with the ledger's figures behind."""
        ledger = CollectorRegistry()
        ledger.register(_Collected(list(gauges)))
        return generate_latest(self._registry) + generate_latest(ledger)


class Gauge:
    """One figure of the ledger: a value for each combination of labels."""

    def __init__(
        self, name: str, help_text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
    ) -> None:
        self.name = name
        self.help_text = help_text
        self.labels = labels
        self.values = values


class _Collected:
    def __init__(self, gauges: list[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        """The gauges as prometheus-client wants them."""
        for gauge in self._gauges:
            family = GaugeMetricFamily(gauge.name, gauge.help_text, labels=list(gauge.labels))
            for labels, value in gauge.values.items():
                family.add_metric(list(labels), value)
            yield family


_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
