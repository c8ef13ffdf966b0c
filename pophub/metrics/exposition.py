"""Writes samples in Prometheus's text format, each family with its meaning, also where it has no sample now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pophub.metrics.families import FAMILIES, Sample

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Found(Collector):
    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples: dict[str, list[Sample]] = {}
        for sample in samples:
            self._samples.setdefault(sample.name, []).append(sample)

    def collect(self) -> Iterator[Metric]:
        for one in FAMILIES:
            kind = CounterMetricFamily if one.kind == "counter" else GaugeMetricFamily
            family = kind(one.name, one.told, labels=one.labels)
            for sample in self._samples.get(one.name, ()):
                family.add_metric(sample.labels, sample.value)
            yield family


def exposition(samples: Iterable[Sample]) -> bytes:
    """Write the answer to a scrape.

    >>> text = exposition([Sample("pophub_up", ("kafka",), 0)]).decode()
    >>> text.splitlines()[1:3]
    ['# TYPE pophub_up gauge', 'pophub_up{server="kafka"} 0.0']
    """
    registry = CollectorRegistry()
    registry.register(_Found(samples))
    return generate_latest(registry)
