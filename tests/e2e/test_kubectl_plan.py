"""`kubectl harbor plan` on real servers: it writes nothing, says what the operator then does, and shows no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from harbor_operator.kubectl.planning.registry import NEW_UID
from harbor_operator.kubectl.rights import Scope
from lab.nginx import Front, Site
from lab.registries import merged
from lab.registry_fixture import RegistryFixture
from tests.contract.kubectl_harbor import PEOPLE, SCHEMAS, Done, KubectlHarbor, execute
from tests.e2e.conftest import MakeRegistry
from tests.e2e.queries import listed, wait_all_injected
from tests.secret_values import spellings, values_of

pytestmark = pytest.mark.e2e

PERSON = f"system:serviceaccount:{PEOPLE}:plan"
READS = {"GET", "HEAD"}
SCRAM = re.compile(r"PASSWORD 'SCRAM-SHA-256\$[^']*'")


@dataclass(frozen=True)
class Servers:
    """The logs of every server that a plan asks."""

    fixture: RegistryFixture

    def mark(self) -> tuple[int, int, int, int]:
        services = self.fixture.lab.services
        audit = self.fixture.lab.control_plane.audit
        return audit.mark(), services.postgres.mark(), services.rgw_front.mark(), self.fixture.front.mark()

    def written(self, mark: tuple[int, int, int, int]) -> list[str]:
        """Returns every request that is no read: of the person at the API server, of everyone at the others."""
        lab, services = self.fixture.lab, self.fixture.lab.services
        requests = [*services.rgw_front.requests_since(mark[2]), *self.fixture.front.requests_since(mark[3])]
        return [
            *(f"{event.verb} {event.uri}" for event in lab.control_plane.audit.writes_since(mark[0], PERSON)),
            *(change.statement for change in services.postgres.changes_since(mark[1])),
            *(f"{one.method} {one.path}" for one in requests if one.method not in READS),
        ]


class Planner:
    """Runs the command for specs of one namespace, and asserts that it writes nothing and shows no secret."""

    def __init__(self, fixture: RegistryFixture, namespace: str, path: Path) -> None:
        self._servers = Servers(fixture)
        self._lab = fixture.lab
        self._namespace = namespace
        self._path = path
        self._harbor = KubectlHarbor(fixture.lab.control_plane, {Scope.REGISTRY: namespace})

    def run(self, spec: Mapping[str, Any], *arguments: str) -> Done:
        metadata = {"name": "cr", "namespace": self._namespace}
        manifest = {"apiVersion": "harbor-operator.io/v1alpha1", "kind": "HarborRegistry", "metadata": metadata}
        self._path.write_text(yaml.safe_dump({**manifest, "spec": dict(spec)}))
        self._harbor.person("plan")
        mark = self._servers.mark()
        done = self._harbor.run("plan", "-f", str(self._path), *arguments)
        assert self._servers.written(mark) == []
        secrets = [value for secret in listed(self._lab, "secrets", "-A") for value in values_of(secret)]
        shown = [value[:3] for value in secrets if any(text in done.out + done.err for text in spellings(value))]
        assert (len(secrets) > 20, shown) == (True, [])
        return done

    def lines(self, spec: Mapping[str, Any]) -> tuple[int, dict[tuple[str, str], list[str]]]:
        """Returns the exit code, and the details by action and subject."""
        done = self.run(spec, "-o", "json")
        assert done.code < 2, done.err
        return done.code, {(line["action"], line["subject"]): line["details"] for line in done.json["lines"]}


@pytest.fixture
def planner(full_registry: RegistryFixture, tmp_path: Path) -> Planner:
    wait_all_injected(full_registry)
    return Planner(full_registry, full_registry.registry.namespace, tmp_path / "registry.yaml")


def test_of_a_registry_that_is_as_desired_everything_is_kept(planner: Planner, full_registry: RegistryFixture) -> None:
    code, lines = planner.lines(full_registry.spec)
    assert (code, {action for action, _ in lines}) == (0, {"keep"}), lines
    assert {"HarborRegistry 'intra/cr'", "registry 'hub'", "project 'team-a'", "replication 'base-images'"} <= {
        subject for _, subject in lines
    }


def test_each_change_is_shown_where_it_would_be_made(planner: Planner, full_registry: RegistryFixture) -> None:
    changes = {
        "release": {"values": {"portal": {"replicas": 2}}},
        "database": {"connectionLimit": 100},
        "storage": {"swift": {"chunkSizeMiB": 10}},
        "projects": [{"name": "team-a", "quotaGiB": 60, "immutableTags": [{"tagMatching": "w*"}]}, {"name": "team-b"}],
        "configuration": {"robot_token_duration": 31},
        "garbageCollection": {"schedule": "0 0 4 * * *"},
        "pullSecrets": {"namespaces": {"exclude": ["default"]}, "credential": {"robot": {"projects": ["team-a"]}}},
    }
    code, lines = planner.lines(merged(full_registry.spec, changes))
    role = next(subject for action, subject in lines if subject.startswith("role "))
    robot = next(subject for action, subject in lines if subject.startswith("robot "))
    assert code == 1
    assert lines["change", role] == [f'ALTER ROLE "{role[6:-1]}" CONNECTION LIMIT 100 ']
    assert lines["change", f"mark of container '{full_registry.container}'"]
    release = lines["change", "Helm release 'intra/cr'"]
    assert {"-      chunksize: '5242880'", "+      chunksize: '10485760'", "+  replicas: 2"} <= set(release)
    assert lines["change", "project 'team-a'"][0] == "quota: 50 GiB -> 60 GiB"
    assert "immutable tags: add (repositories='**', tags='w*'" in lines["change", "project 'team-a'"][1]
    assert ("create", "project 'team-b'") in lines
    assert lines["change", "setting 'robot_token_duration'"] == ["robot_token_duration: 30 -> 31"]
    assert lines["change", "schedule 'garbageCollection'"] == ["cron: '0 0 3 * * *' -> '0 0 4 * * *'"]
    assert lines["change", robot] == ["rights: ['*: repository pull'] -> ['team-a: repository pull']"]
    assert lines["remove", "Secret 'harbor-pull' in 1 namespace"] == ["default"]
    assert lines["change", "`imagePullSecrets` of ServiceAccount 'default' in 1 namespace"] == ["default"]
    assert not {action for action, _ in lines} & {"conflict", "not observed"}


def test_an_exported_harbor_is_kept_by_its_plan(
    planner: Planner, full_registry: RegistryFixture, tmp_path: Path
) -> None:
    registry, front = full_registry.registry, full_registry.front
    password = registry.secret(f"hreg-{registry.name}-admin-password")["password"]
    (tmp_path / "password").write_text(f"{password}\n")
    arguments = ["--password-file", str(tmp_path / "password"), "--ca-file", str(full_registry.lab.authority.ca_path)]
    mark = front.mark()
    done = execute(["export", "--url", front.url, *arguments, "-o", "json"])
    left_out = done.json["leftOut"]
    assert (done.code, done.err) == (int(bool(left_out)), "")
    assert {one.method for one in front.requests_since(mark)} <= READS
    jsonschema.validate(done.json, json.loads((SCHEMAS / "export.json").read_text()))
    assert password not in done.out
    exported = done.json["registry"]["spec"]
    sections = ("registries", "projects", "replications")
    named = {section: {one["name"] for one in full_registry.spec[section]} for section in sections}
    # Other tests of the package leave objects of their own in this Harbor.
    assert not [text for text in left_out for names in named.values() for name in names if f"'{name}'" in text]
    spec: dict[str, Any] = {
        section: [one for one in exported[section] if one["name"] in named[section]] for section in sections
    }
    spec["garbageCollection"] = exported["garbageCollection"]
    code, lines = planner.lines(merged(full_registry.spec, spec))
    changed = {subject for action, subject in lines if action != "keep"}
    assert (code, changed) == (1, {"HarborRegistry 'intra/cr'"})
    assert {"project 'team-a'", "replication 'base-images'", "schedule 'garbageCollection'"} <= {
        subject for _, subject in lines
    }


def test_an_installation_with_a_user_that_does_not_exist_yet(
    full_registry: RegistryFixture, make_registry: MakeRegistry, tmp_path: Path
) -> None:
    registry, lab = make_registry("install"), full_registry.lab
    ceph = lab.services.ceph
    front = Front.start(
        lab.directory / "plan-admin", lab.processes, lab.authority, Site(ceph.rgw_url, host_header="$http_host")
    )
    secrets = {name: full_registry.registry.secret(name) for name in ("pg-ca", "pg-admin", "s3-ca", "redis", "cr-ca")}
    admin = {"accessKey": ceph.admin_access_key, "secretKey": ceph.admin_secret_key}
    registry.put_secrets({**secrets, "rgw-admin": admin})
    provision = {"adminURL": front.url, "adminSecretRef": {"name": "rgw-admin"}, "uid": "planned", "quotaGiB": 1}
    swift = {"container": "planned", "credentialsSecretRef": {"name": "swift-made"}, "provision": provision}
    changes = {
        "database": {"names": {"core": "registry_install"}},
        "storage": {"swift": swift},
        "pullSecrets": {"secretName": "install-pull"},
    }
    mark = front.mark()
    planner = Planner(full_registry, registry.namespace, tmp_path / "registry.yaml")
    code, lines = planner.lines(merged(full_registry.spec, changes))
    created = {subject for action, subject in lines if action == "create"}
    expected = {"database 'registry_install'", "RGW user 'planned'", "container 'planned'"}
    release = f"Helm release '{registry.namespace}/cr'"
    assert (code, created >= {*expected, release}) == (1, True), lines
    assert "+externalURL: " + full_registry.front.url in lines["create", release]
    assert not [subject for action, subject in lines if action == "conflict"]
    # The person's right is for the name 'harbor-pull', so nothing is said of another one.
    unobserved = [subject for action, subject in lines if action == "not observed"]
    assert any(subject.startswith("the secrets of the cluster: ") for subject in unobserved)
    assert not any("install-pull' in " in subject for subject in created)
    assert {request.method for request in front.requests_since(mark)} == {"GET"}
    assert "planned" not in ceph.admin("user", "list")
    made = listed(lab, "secrets", "-n", registry.namespace)
    assert {secret["metadata"]["name"] for secret in made} - {"harbor-pull"} == {*secrets, "rgw-admin"}
    front.stop()


def test_the_operator_then_runs_the_planned_statements(
    full_registry: RegistryFixture, make_registry: MakeRegistry, tmp_path: Path
) -> None:
    registry, postgres = make_registry("plan"), full_registry.lab.services.postgres
    registry.put_secrets({name: full_registry.registry.secret(name) for name in ("pg-ca", "pg-admin")})
    database = merged(full_registry.spec["database"], {"names": {"core": "registry_plan"}})
    spec = {"externalURL": "https://127.0.0.1:1", "database": database}
    planner = Planner(full_registry, registry.namespace, tmp_path / "registry.yaml")
    code, lines = planner.lines(spec)
    planned = [detail for (_, subject), details in lines.items() if "'" in subject for detail in details]
    assert (code, ("create", f"Secret '{registry.namespace}/hreg-cr-database-login'") in lines) == (1, True)
    mark = postgres.mark()
    registry.apply(spec)
    registry.wait_condition("DatabaseReady", "True")
    uid = registry.read()["metadata"]["uid"]
    ran = [SCRAM.sub("PASSWORD '***'", change.statement) for change in postgres.changes_since(mark)]
    statements = [detail.replace(NEW_UID, uid) for detail in planned if not detail.startswith(("keys: ", "SET "))]
    assert statements == ran
    assert planner.lines(spec)[0] == 0
