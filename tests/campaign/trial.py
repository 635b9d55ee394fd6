"""One deployment under changes of its spec, and the oracles that hold after each of them."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Any

from typing_extensions import override

from tests.campaign.deployment import Deployment
from tests.campaign.environment import SECRET_VALUES, prepared
from tests.campaign.exceptions import EXPLAINING, PATH_DEPENDENT, SETTING, WITHOUT_EFFECT
from tests.campaign.model import REMOVED, Case, find
from tests.campaign.oracles import AlarmError, Report, check_report, check_words, compare, is_ready, messages
from tests.campaign.schema import Spec
from tests.campaign.snapshot import snapshot

MAX_PASSES = 60
QUIET_PASSES = 2


class Trial:
    """A deployment whose spec changes; each method raises AlarmError if an oracle does not hold."""

    def __init__(self, make: Callable[[], Deployment] = prepared) -> None:
        self._make = make
        self.deployment = make()
        self.log = _Log()

    def deploy(self, spec: Spec) -> None:
        """Applies the spec, and lets the operator work until it is done."""
        servers, registry = self.deployment.servers, self.deployment.object
        registry.apply(spec)
        before, quiet = Counter(servers.writes), 0
        with self.log:
            for _ in range(MAX_PASSES):
                written = len(servers.writes) + registry.writes
                result = asyncio.run(self.deployment.reconciler.reconcile(registry.body()))
                quiet = quiet + 1 if written == len(servers.writes) + registry.writes else 0
                if quiet == QUIET_PASSES:
                    break
                servers.advance(result.requeue_after)
        self._check(spec, sorted((Counter(servers.writes) - before).elements()))
        if quiet < QUIET_PASSES:
            raise AlarmError("liveness", f"no end after {MAX_PASSES} passes; the last writes: {servers.writes[-3:]}")

    def mutate(self, spec: Spec, case: Case) -> Spec:
        """Deploys the changed spec, and returns it; an error must name what was changed."""
        ready, changed = self.is_ready, case.mutate(spec)
        before, written = snapshot(self.deployment), len(self.deployment.servers.writes)
        self.deploy(changed)
        is_same = snapshot(self.deployment) == before and len(self.deployment.servers.writes) == written
        sets = case.kind in SETTING and not isinstance(case.value, list) and case.path not in WITHOUT_EFFECT
        if ready and sets and is_same:
            raise AlarmError("effect", f"{case.place} = {case.value!r} changes nothing")
        if ready and not self.is_ready and not changed.get("suspend"):
            self._check_explanation(spec, case)
        return changed

    def roll_back(self, spec: Spec, before: set[str]) -> None:
        """Deploys an earlier spec; `before` is the state that it had."""
        self.deploy(spec)
        self._compare("recovery", before)

    def compare_with_fresh(self, spec: Spec) -> None:
        """Compares the state with that of a new deployment of the spec.

        Only the latter is not ready if it needs what the path has created before, such as a container.
        """
        fresh = Trial(self._make)
        fresh.deploy(spec)
        if self.is_ready and fresh.is_ready:
            self._compare("differential", snapshot(fresh.deployment))
        elif fresh.is_ready and not spec.get("suspend") and not self._reasons & PATH_DEPENDENT.keys():
            raise AlarmError("differential", f"a new deployment is ready, and this one is not: {self.messages}")

    @property
    def is_ready(self) -> bool:
        """Whether the registry is ready."""
        return is_ready(self.deployment.object.conditions())

    def _compare(self, oracle: str, expected: set[str]) -> None:
        compare(oracle, expected, snapshot(self.deployment))

    def _check(self, spec: Spec, writes: list[str]) -> None:
        registry = self.deployment.object
        report = Report(
            registry.body()["metadata"]["generation"],
            registry.status,
            f"{registry.events} {self.log.text}",
            writes,
            bool(spec.get("suspend")),
        )
        check_report(report, lambda text: [value for value in SECRET_VALUES if value in text])

    def _check_explanation(self, spec: Spec, case: Case) -> None:
        self.check_words(names_of(spec, case) | EXPLAINING.keys(), case.place)

    def check_words(self, words: Collection[str], what: str) -> None:
        """Checks that a condition that is not True contains one of the words."""
        check_words(self.deployment.object.conditions(), words, what)

    @property
    def messages(self) -> str:
        """What the conditions say that are not True."""
        return messages(self.deployment.object.conditions())

    @property
    def _reasons(self) -> set[str]:
        return {one["reason"] for one in self.deployment.object.conditions().values()}


def names_of(spec: Spec, case: Case) -> set[str]:
    """Returns the words that name what a case changes: its fields, and the old and the new values."""
    fields = {str(step) for step in case.steps if isinstance(step, str)} - {"pullSecrets", "name", "key"}
    values = {str(leaf) for value in (find(spec, case.steps), case.value) for leaf in _leaves(value)}
    return {word for word in fields | values if len(word) > 2}


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for child in value.values():
            yield from _leaves(child)
    elif isinstance(value, list):
        for child in value:
            yield from _leaves(child)
    elif value is not None and value is not REMOVED:
        yield value


class _Log(logging.Handler):
    """Keeps what the operator logs while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    @property
    def text(self) -> str:
        """Everything that was logged."""
        return "\n".join(self._lines)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(logging.Formatter().format(record))

    def __enter__(self) -> None:
        logging.getLogger("harbor_operator").addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("harbor_operator").removeHandler(self)
