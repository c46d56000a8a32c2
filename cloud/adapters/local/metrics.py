"""Prometheus as the metrics: kept in this process, read at ``/metrics``.

One process counts everything: the threads of workers and ingest share it, and what the OCR process takes is measured
from this side of the pipe.
"""

import platform
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cloud.ports import metrics as names
from cloud.ports.metrics import Gauge

PREFIX = "pillarbox"
QUICK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
SLOW_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    names.HTTP_REQUESTS: ("requests answered", ("method", "route", "status")),
    names.INGEST_MESSAGES: ("messages of devices stored or parked", ("kind",)),
    names.INGEST_PARKED: (
        "messages that could not be taken: whole, repeated or only counted",
        ("kind", "outcome"),
    ),
    names.INGEST_ROWS: ("events of doors in the messages that were stored", ()),
    names.JOBS: ("jobs that ended: done, parked, or to come again", ("stage", "outcome")),
    names.MAILS: ("e-mails sent, failed for good, or to be tried again", ("outcome",)),
}
HISTOGRAMS: dict[str, tuple[str, tuple[str, ...], tuple[float, ...]]] = {
    names.HTTP_SECONDS: ("from a request's arrival to the end of its answer", ("method", "route"), QUICK_S),
    names.INGEST_GROUP: ("messages that shared a commit", (), SIZES),
    names.INGEST_LAG: ("from a message's arrival to its commit, the longest of a group", (), QUICK_S),
    names.STAGE_SECONDS: ("one job, its commit included", ("stage",), SLOW_S),
    names.OCR_SECONDS: ("reading one image", (), SLOW_S),
}

Labelled = TypeVar("Labelled", Counter, Histogram)
Gauges = Callable[[], Iterable[Gauge]]


class PrometheusMetrics:
    """The figures of this process; nothing is shared between two of them, so tests and servers do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        counters = {
            name: Counter(f"{PREFIX}_{name}", told, labels, registry=self._registry)
            for name, (told, labels) in COUNTERS.items()
        }
        histograms = {
            name: Histogram(f"{PREFIX}_{name}", told, labels, buckets=buckets, registry=self._registry)
            for name, (told, labels, buckets) in HISTOGRAMS.items()
        }
        # Labels are few, and to look up what they stand for costs more than to count.
        self._counter = cache(partial(_labelled, counters))
        self._histogram = cache(partial(_labelled, histograms))
        ProcessCollector(registry=self._registry)
        build = Info(f"{PREFIX}_build", "which program this is", registry=self._registry)
        build.info({"version": _version(), "python": platform.python_version()})

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        self._counter(name, tuple(labels.items())).inc(amount)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add one measured value to a histogram."""
        self._histogram(name, tuple(labels.items())).observe(value)

    def exposed(self, gauges: Gauges) -> bytes:
        """Return everything in Prometheus' text format, with ``gauges`` as they are now."""
        now = CollectorRegistry(auto_describe=False)
        now.register(_Now(gauges))
        return generate_latest(self._registry) + generate_latest(now)


def _labelled(metrics: Mapping[str, Labelled], name: str, labels: tuple[tuple[str, str], ...]) -> Labelled:
    return metrics[name].labels(**dict(labels)) if labels else metrics[name]


class _Now(Collector):
    """What is looked up when it is asked for."""

    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        for name, told, values in self._gauges():
            labels = [label for label, _ in next(iter(values), ())]
            family = GaugeMetricFamily(f"{PREFIX}_{name}", told, labels=labels)
            for key, value in values.items():
                family.add_metric([one for _, one in key], value)
            yield family


def _version() -> str:
    try:
        return version("pillarbox")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"
