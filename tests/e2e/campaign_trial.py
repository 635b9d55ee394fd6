"""The subject of the campaign on real servers: one registry of a lab, its operator, and what both leave in the logs."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Self

from typing_extensions import override

from harbor_operator.api.reconcile_request import RECONCILE_REQUESTED_AT
from harbor_operator.status import LAST_HANDLED
from lab.images import make_image
from lab.nginx import Front
from lab.process import LabError, wait_until
from lab.registry_fixture import RegistryFixture
from tests.campaign.environment import SECRETS
from tests.campaign.lab_cases import relocated
from tests.campaign.operations import Operation
from tests.campaign.oracles import AlarmError, Conditions, Report, check_report, conditions_of, passes_to_watch
from tests.campaign.path import Subject
from tests.campaign.schema import Spec
from tests.e2e.campaign_snapshot import get_harbor, lab_snapshot
from tests.e2e.canaries import NAME as INJECTED_NAMESPACE
from tests.e2e.canaries import canaries_in
from tests.e2e.dedicated import DedicatedLab
from tests.e2e.queries import wait_all_injected
from tests.e2e.running_operator import RunningOperator
from tests.e2e.written import WRITE_METHODS, Mark, Written
from tests.secret_values import leaks, values_of

REFUSED = 400
"""The lowest status of an answer to a request that has changed nothing: the operator repeats what Harbor refuses."""
PASS_SECONDS = 60
SETTLE_SECONDS = 120
MAX_PASSES = 30
ERROR = re.compile(r"^.* (ERROR|CRITICAL) .*$|^Traceback .*$", re.MULTILINE)
REPORTED = re.compile(r"/events(\?|$)|/harborregistries/[^/]+/status")
"""Requests by which the operator reports: they are no change of anything that users asked for."""
IMAGE = "library/campaign:1"


@dataclass(frozen=True)
class LogMark:
    """A position in the logs of every server and of the operator."""

    servers: Mark
    front: int
    operator: int

    @classmethod
    def now(cls, fixture: RegistryFixture, running_operator: RunningOperator) -> Self:
        """Returns the present position."""
        log = running_operator.operator.process.log
        return cls(Mark.now(fixture), _proxy(fixture).mark(), log.stat().st_size)

    def writes(self) -> list[str]:
        """Returns what the operator has written since; each write begins with the name of its server."""
        written: Written = self.servers.written()
        requests = _proxy(self.servers.full_registry).requests_since(self.front)
        return [
            *(f"kube: {write}" for write in written.kubernetes if not REPORTED.search(write)),
            *(f"postgres: {statement}" for statement in written.postgres),
            *(f"store: {request}" for request in written.swift),
            *(
                f"harbor: {request.method} {request.path}"
                for request in requests
                if request.method in WRITE_METHODS and request.path.startswith("/api/") and request.status < REFUSED
            ),
        ]


class LabTrial(Subject):
    """The registry of a dedicated lab without a kubelet; `seed` has the addresses that `relocated` replaces."""

    def __init__(self, dedicated: DedicatedLab, seed: Spec) -> None:
        self._fixture = dedicated.fixture
        self._operator = dedicated.running_operator
        self._registry = dedicated.fixture.registry
        self._client = dedicated.lab.control_plane.client
        self._seed = seed
        self._local: Spec = {}
        self._secrets: dict[str, dict[str, str]] = {}
        self._digest = ""
        self._requests = count(1)

    def set_up(self) -> None:
        """Deploys the seed, with the Secrets that operations name and an image. Raises LabError."""
        spec = self._fixture.spec
        del spec["release"]["values"]
        self._local = spec
        authority = self._fixture.lab.authority.ca_path.read_text()
        own = {"pg-admin", "redis", "swift", "rgw-admin"}
        given = {name: values for name, values in SECRETS.items() if name not in own and not name.startswith("store")}
        self._registry.put_secrets({**given, "ca": {"ca.crt": authority}})
        self._registry.apply(self._local)
        self._registry.wait_ready()
        for name in ("cr-ca", "pg-ca", "s3-ca", "pg-admin", "redis", "swift"):
            self._secrets[name] = self._registry.secret(name)
        canaries_in(self._fixture.lab).add_registry(self._fixture)
        wait_all_injected(self._fixture)
        self._push()
        self._settle(self._seed)

    @override
    def deploy(self, spec: Spec, operation: Operation | None = None) -> None:
        begin, mark = time.monotonic(), LogMark.now(self._fixture, self._operator)
        if operation and operation.secret:
            self._put_secret(operation.secret.secret, operation.secret.apply(self._secrets[operation.secret.secret]))
        if operation and operation.annotations:
            self._client.merge_patch(self._path, {"metadata": {"annotations": dict(operation.annotations)}})
        try:
            self._registry.apply(relocated(spec, self._seed, self._local))
        except LabError as error:
            raise AlarmError("admission", f"only the API server refuses the spec: {error}") from error
        self._settle(spec)
        self._check(mark, spec)
        ready = self.conditions()["Ready"]
        print(f"{time.monotonic() - begin:6.1f} s {ready['reason']:30} {operation.name if operation else '(back)'}")

    @override
    def undo(self, operation: Operation) -> None:
        if operation.secret:
            self._put_secret(operation.secret.secret, self._secrets[operation.secret.secret])

    @override
    def reset(self, spec: Spec) -> None:
        for name, values in self._secrets.items():
            self._put_secret(name, values)
        self._registry.apply(relocated(spec, self._seed, self._local))
        self._registry.wait_ready()
        self._settle(spec)

    @override
    def conditions(self) -> Conditions:
        return conditions_of(self._registry.status())

    @override
    def snapshot(self) -> set[str]:
        return lab_snapshot(self._fixture)

    @override
    def check_unharmed(self) -> None:
        try:
            get_harbor(self._fixture, "/systeminfo")
            if name := self._pull_secret():
                self._pull(name)
        except (LabError, OSError) as error:
            raise AlarmError("harm", f"Harbor worked before the change, and not after it: {error}") from error

    @override
    def check_others(self) -> None:
        try:
            canaries_in(self._fixture.lab).check()
        except AssertionError as error:
            raise AlarmError("destruction", f"an object of another owner has changed: {error}") from error

    @property
    def _path(self) -> str:
        registry = self._registry
        return f"/apis/harbor-operator.io/v1alpha1/namespaces/{registry.namespace}/harborregistries/{registry.name}"

    def _settle(self, spec: Spec) -> None:
        """Waits until the status is about the spec, and until passes in a row change nothing. Raises AlarmError."""
        try:
            wait_until(self._registry.is_observed, "the spec is observed", deadline=SETTLE_SECONDS)
            if spec.get("suspend"):
                return
            previous: Mapping[str, Any] = self._registry.status()
            quiet, writes = 0, [""]
            for _ in range(MAX_PASSES):
                mark = LogMark.now(self._fixture, self._operator)
                status = self._pass()
                writes = mark.writes()
                is_quiet = not writes and _without_request(status) == _without_request(previous)
                quiet, previous = quiet + 1 if is_quiet else 0, status
                needed = passes_to_watch(conditions_of(status))
                if needed and quiet >= needed:
                    return
                if not needed:
                    done = f"no work is left:\n{self._registry.describe()}"
                    wait_until(lambda: passes_to_watch(self.conditions()), done, deadline=SETTLE_SECONDS)
        except LabError as error:
            raise AlarmError("liveness", f"{error}\n{self._registry.describe()}") from error
        raise AlarmError("liveness", f"no end after {MAX_PASSES} passes; the last writes: {writes[-3:]}")

    def _pass(self) -> Mapping[str, Any]:
        """Requests a pass, and returns the status after it. Raises LabError."""
        request = str(next(self._requests))
        self._client.merge_patch(self._path, {"metadata": {"annotations": {RECONCILE_REQUESTED_AT: request}}})

        def handled() -> Mapping[str, Any]:
            status = self._registry.status()
            return status if status.get(LAST_HANDLED) == request else {}

        process = self._operator.operator.process
        return wait_until(handled, "the operator handles a request", deadline=PASS_SECONDS, process=process)

    def _check(self, mark: LogMark, spec: Spec) -> None:
        process = self._operator.operator.process
        if not process.alive():
            raise AlarmError("crash", f"the operator has ended with {process.returncode}")
        found, log = self._registry.read(), self._log_since(mark)
        path = f"/api/v1/namespaces/{self._registry.namespace}/events"
        events = [f"{event['reason']} {event['message']}" for event in self._client.items(path)]
        generation, is_suspended = found["metadata"]["generation"], bool(spec.get("suspend"))
        report = Report(generation, found["status"], "\n".join([log, *events]), mark.writes(), is_suspended)
        secrets: dict[str, str] = {}
        for secret in self._client.items("/api/v1/secrets"):
            secrets |= values_of({"type": "", **secret})
        check_report(report, lambda text: leaks(secrets, text))
        if errors := ERROR.findall(log):
            raise AlarmError("crash", f"the operator logs {len(errors)} errors:\n{log}")

    def _log_since(self, mark: LogMark) -> str:
        with self._operator.operator.process.log.open("rb") as log:
            log.seek(mark.operator)
            return log.read().decode(errors="replace")

    def _put_secret(self, name: str, values: Mapping[str, str] | None) -> None:
        namespace = self._registry.namespace
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        present = (self._client.read(path) or {}).get("data")
        if values is None:
            self._fixture.lab.control_plane.kubectl("-n", namespace, "delete", "secret", name)
        elif present is None:
            self._registry.put_secret(name, values)
        else:
            encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
            self._client.merge_patch(path, {"data": {**dict.fromkeys(present), **encoded}})

    def _push(self) -> None:
        fixture = self._fixture
        layout = fixture.lab.directory / "campaign-image"
        self._digest = make_image(layout, size=1000)
        credential, ca_dir = fixture.admin_credential(), fixture.lab.authority.ca_dir
        fixture.skopeo.copy_in(layout, self._reference, authfile=credential, ca_dir=ca_dir)

    def _pull(self, secret: str) -> None:
        fixture = self._fixture
        credential = fixture.credential(INJECTED_NAMESPACE, secret)
        target, ca_dir = fixture.lab.directory / "campaign-pulled", fixture.lab.authority.ca_dir
        digest = fixture.skopeo.copy_out(self._reference, target, authfile=credential, ca_dir=ca_dir)
        if digest != self._digest:
            raise LabError(f"the image has the digest {digest}")

    @property
    def _reference(self) -> str:
        return f"{self._fixture.front.url.removeprefix('https://')}/{IMAGE}"

    def _pull_secret(self) -> str:
        """Returns the pull Secret that a pod of another namespace uses; empty if the present spec gives it none."""
        account = self._client.read(f"/api/v1/namespaces/{INJECTED_NAMESPACE}/serviceaccounts/default") or {}
        names = [entry["name"] for entry in account.get("imagePullSecrets", [])]
        return next((name for name in names if name != "theirs"), "")


def _proxy(fixture: RegistryFixture) -> Front:
    """Returns the proxy in front of Harbor; the ingress of a real node has no log of requests."""
    if not isinstance(fixture.front, Front):
        raise LabError("the campaign needs a lab without a kubelet")
    return fixture.front


def _without_request(status: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in status.items() if key != LAST_HANDLED}
