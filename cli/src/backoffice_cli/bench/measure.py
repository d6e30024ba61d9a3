"""What is measured: processor time by process, records per batch, time from publication to journal."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from backoffice_cli.platform import Stack

_CONSUMED = "messaging_client_consumed_messages"
_BATCH_SIZE = "backoffice_messaging_batch_size"
_GROUP = "messaging_consumer_group_name"
_SIMULATORS = ("csd", "counterparties")
_NAMES = {"postgres": "postgresql", "kafka": "broker"}

CpuSeconds = Mapping[str, float]


def cpu_seconds(platform: Stack) -> CpuSeconds:
    """Return the processor time that each service, PostgreSQL, the broker and the simulators have used so far."""
    used: defaultdict[str, float] = defaultdict(float)
    for name, part in platform.state.components.items():
        if part.pid is not None:
            used[_label(name)] += _of_process(part.pid)
    return used


def _label(name: str) -> str:
    return "simulators" if name in _SIMULATORS else _NAMES.get(name, name)


def _of_process(pid: int) -> float:
    """Return the time of a process, of its living children, and of those that it has seen end."""
    process = psutil.Process(pid)
    used = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    return used


def cpu_us_per_trade(before: CpuSeconds, after: CpuSeconds, trades: int) -> dict[str, int]:
    """Return the processor time per trade in microseconds, in total and by process."""
    spent = {name: round((after[name] - before.get(name, 0.0)) / trades * 1e6) for name in sorted(after)}
    return {"total": sum(spent.values()), **spent}


def taken(platform: Stack, group: str) -> int:
    """Return how many events a consumer group has taken so far: only its service is asked, for asking costs too."""
    samples = _samples(platform, group.partition(".")[0], _CONSUMED)
    return int(sum(sample.value for sample in samples if sample.labels[_GROUP] == group))


def batches(platform: Stack) -> dict[str, tuple[float, float]]:
    """Return records and batches so far, by consumer group."""
    found: dict[str, list[float]] = {}
    for service in platform.services:
        for sample in _samples(platform, service, _BATCH_SIZE):
            if sample.name.endswith(("_sum", "_count")):
                pair = found.setdefault(sample.labels[_GROUP], [0.0, 0.0])
                pair[sample.name.endswith("_count")] = sample.value
    return {group: (records, polls) for group, (records, polls) in found.items()}


def _samples(platform: Stack, service: str, name: str) -> list[Sample]:
    """Return a service's samples whose name begins so."""
    page = httpx.get(f"{platform.url(service)}/metrics", timeout=30, trust_env=False).text
    lines = "\n".join(line for line in page.splitlines() if line.startswith(name))
    return [sample for family in text_string_to_metric_families(lines + "\n") for sample in family.samples]


def mean_batch_sizes(
    before: Mapping[str, tuple[float, float]], after: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    """Return the mean number of records in a batch, by consumer group that had any."""
    sizes = {}
    for group, (records, polls) in sorted(after.items()):
        earlier_records, earlier_polls = before.get(group, (0.0, 0.0))
        if polls > earlier_polls:
            sizes[group] = round((records - earlier_records) / (polls - earlier_polls), 1)
    return sizes


def percentiles(started: Mapping[str, float], recorded: Mapping[str, datetime]) -> dict[str, int | None]:
    """Return the median and the 99th percentile of the time between two moments of each key, in milliseconds."""
    waits = sorted(recorded[key].timestamp() - started[key] for key in started.keys() & recorded.keys())
    return {"p50": percentile(waits, 50), "p99": percentile(waits, 99)}


def percentile(waits: Sequence[float], percent: int) -> int | None:
    """Return the smallest value that at least `percent` of them do not exceed (nearest rank)."""
    return round(waits[-(-len(waits) * percent // 100) - 1] * 1000) if waits else None
