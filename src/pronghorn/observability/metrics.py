"""Metrics: plain numbers that requests add to, turned into Prometheus' text only when somebody looks."""

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector


class Metrics(Collector):
    """One for the process."""

    def __init__(self) -> None:
        self.requests: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        """By endpoint, mode and end reason."""
        self.duration_ms: defaultdict[str, int] = defaultdict(int)
        self.input_tokens: defaultdict[str, int] = defaultdict(int)
        self.output_tokens: defaultdict[str, int] = defaultdict(int)
        self.gauges: dict[str, float] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "pronghorn_requests", "Requests by how they ended.", labels=("endpoint", "mode", "end_reason")
        )
        for labels, count in self.requests.items():
            requests.add_metric(labels, count)
        yield requests
        for name, text, values, scale in (
            ("pronghorn_request_duration_seconds", "Time spent on requests.", self.duration_ms, 1000.0),
            ("pronghorn_input_tokens", "Input tokens charged.", self.input_tokens, 1.0),
            ("pronghorn_output_tokens", "Output tokens charged.", self.output_tokens, 1.0),
        ):
            family = CounterMetricFamily(name, text, labels=("endpoint",))
            for endpoint, value in values.items():
                family.add_metric((endpoint,), value / scale)
            yield family
        for name, level in self.gauges.items():
            yield GaugeMetricFamily(f"pronghorn_{name}", name.replace("_", " "), level)

    def render(self) -> bytes:
        return generate_latest(self._registry)
