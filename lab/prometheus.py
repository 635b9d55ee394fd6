"""Prometheus, which scrapes operators, evaluates alerts and answers queries; and promtool, which tests rules."""

from __future__ import annotations

import json
import math
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from lab.addresses import HOST, join
from lab.debian import locate
from lab.process import LabError, Process, Processes, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lab.debian import Tool

PACKAGES = ["prometheus"]
SCRAPE_SECONDS = 1
MAX_POINTS = 60


@dataclass(frozen=True)
class Series:
    """One series of an answer: its labels, and its values without NaN, oldest first."""

    labels: Mapping[str, str]
    values: Sequence[float]


def prometheus() -> Tool:
    """Returns the server. Raises LabError if this machine neither has nor can download it."""
    return locate("prometheus", PACKAGES)


def promtool() -> Tool:
    """Returns the program that checks and tests rules. Raises LabError if this machine cannot have it."""
    return locate("promtool", PACKAGES)


class Prometheus:
    """A server that scrapes its targets every second and evaluates its rules as often."""

    def __init__(self, directory: Path, process: Process, port: int) -> None:
        self.url = f"http://{join(HOST, port)}"
        self._targets = directory / "targets.json"
        self._process = process

    @classmethod
    def start(cls, directory: Path, processes: Processes, *, job: str, rules: Mapping[str, Any]) -> Prometheus:
        """Starts a server without targets; `rules` is the content of a rule file, `job` the label of every target."""
        tool, port = prometheus(), free_port()
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "rules.yaml").write_text(yaml.safe_dump(dict(rules)))
        (directory / "targets.json").write_text("[]")
        interval = f"{SCRAPE_SECONDS}s"
        discovery = {"files": [str(directory / "targets.json")], "refresh_interval": interval}
        config = {
            "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
            "rule_files": [str(directory / "rules.yaml")],
            "scrape_configs": [{"job_name": job, "file_sd_configs": [discovery]}],
        }
        path = directory / "prometheus.yaml"
        path.write_text(yaml.safe_dump(config))
        arguments = {
            "config.file": path,
            "storage.tsdb.path": directory / "data",
            "web.listen-address": join(HOST, port),
            "log.level": "warn",
        }
        argv: list[str | Path] = [tool.path, *(f"--{name}={value}" for name, value in arguments.items())]
        process = processes.start(directory.name, argv, env=tool.env)
        server = cls(directory, process, port)
        wait_until(server._is_ready, "Prometheus is ready", deadline=30, process=process)
        return server

    def scrape(self, targets: Mapping[str, Mapping[str, str]]) -> None:
        """Replaces the targets, by address with their labels, and waits until each was scraped. Raises LabError."""
        groups = [{"targets": [address], "labels": dict(labels)} for address, labels in targets.items()]
        partial = self._targets.with_suffix(".partial")
        partial.write_text(json.dumps(groups))
        partial.replace(self._targets)

        def is_scraped() -> bool:
            up = {series.labels["instance"] for series in self.query("up == 1")}
            return up == set(targets)

        wait_until(is_scraped, f"Prometheus scrapes {sorted(targets)}", deadline=30, process=self._process)

    def query(self, expression: str) -> list[Series]:
        """Returns the series of an expression now, each with one value. Raises LabError if it is not valid."""
        found = self._get("query", query=expression)["result"]
        return [Series(one["metric"], _numbers([one["value"]])) for one in found]

    def query_range(self, expression: str, seconds: int) -> list[Series]:
        """Returns the series of an expression over the last `seconds`. Raises LabError if it is not valid."""
        end = time.time()
        step = max(SCRAPE_SECONDS, seconds // MAX_POINTS)
        found = self._get("query_range", query=expression, start=end - seconds, end=end, step=step)["result"]
        return [Series(one["metric"], _numbers(one["values"])) for one in found]

    def rules(self) -> list[dict[str, Any]]:
        """Returns every rule with its health, its last error and its alerts."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """Returns the pending and firing alerts of this name, with their labels and annotations."""
        return [alert for alert in self._get("alerts")["alerts"] if alert["labels"]["alertname"] == name]

    def stop(self) -> None:
        """Stops the server."""
        self._process.stop()

    def _is_ready(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:  # noqa: S310 - always http on loopback
            return bool(answer.status == 200)

    def _get(self, path: str, **parameters: object) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - as above
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise LabError(f"Prometheus refuses '{parameters}': {error.read().decode()}") from None


def _numbers(points: Sequence[tuple[float, str]]) -> list[float]:
    return [number for _, text in points if not math.isnan(number := float(text))]
