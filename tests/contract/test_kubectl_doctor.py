"""`kubectl harbor doctor` against real PostgreSQL, Redis, Swift and a chart: its findings, and that nothing remains."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from pydantic import SecretStr

from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.kubectl.cli import ERROR, INTERRUPTED
from harbor_operator.kubectl.rights import Scope
from harbor_operator.model.s3 import Bucket, S3Account
from lab.lab import SERVICES, Lab, Part
from lab.nginx import Front, Site
from lab.operator import NAMESPACE as OPERATOR_NAMESPACE
from lab.process import wait_until
from lab.registry_fixture import RegistryFixture, install
from tests.contract.doctor import Doctor, read_terminal, retained_images, state
from tests.contract.kubectl_harbor import KubectlHarbor, environment

pytestmark = pytest.mark.lab

RELEASE = {"spec.release", "spec.release.chart", "spec.release.serviceAccountName"}


@pytest.fixture(scope="module")
def fixture() -> Iterator[RegistryFixture]:
    """A registry whose Secrets exist, and which no operator has seen."""
    with Lab.start({Part.CONTROL_PLANE, Part.CHART, *SERVICES}) as lab:
        install(lab)
        yield RegistryFixture.set_up(lab)


@pytest.fixture(scope="module")
def harbor(fixture: RegistryFixture) -> KubectlHarbor:
    scopes = {Scope.REGISTRY: fixture.registry.namespace, Scope.OPERATOR: OPERATOR_NAMESPACE}
    return KubectlHarbor(fixture.lab.control_plane, scopes)


@pytest.fixture
def doctor(fixture: RegistryFixture, harbor: KubectlHarbor, tmp_path: Path) -> Doctor:
    return Doctor(fixture, harbor, tmp_path / "registry.yaml")


def test_a_spec_that_works_and_nothing_remains(doctor: Doctor, fixture: RegistryFixture) -> None:
    before, postgres = state(fixture), fixture.lab.services.postgres
    mark = postgres.mark()
    done = doctor.run({}, "-o", "json")
    assert (done.code, done.err, done.json["ok"]) == (0, "", True), done.out
    passed = {each["where"]: each["text"] for each in done.json["findings"] if each["level"] == "ok"}
    assert passed.keys() == {"spec.database", "spec.cache", "spec.storage", *RELEASE}
    assert passed["spec.release"].endswith("install or upgrade Helm release 'intra/cr'")
    assert "would now create or change the role and databases" in passed["spec.database"]
    assert "passed the probe" in passed["spec.storage"]
    warned = {each["code"]: each["text"] for each in done.json["findings"] if each["level"] == "warning"}
    assert "SwiftSunset" in warned
    assert (state(fixture), postgres.changes_since(mark)) == (before, [])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, ERROR), (signal.SIGINT, INTERRUPTED)])
def test_an_interrupted_run_leaves_nothing(
    doctor: Doctor, fixture: RegistryFixture, number: signal.Signals, code: int
) -> None:
    before, ceph = state(fixture), fixture.lab.services.ceph
    command = doctor.command({"storage": {"swift": {"chunkSizeMiB": 200}}})
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:
        wait_until(lambda: any("-doctor-" in name for name in ceph.containers()), "the probe writes", deadline=60)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert (process.returncode, state(fixture)) == (code, before)


async def test_a_bucket_must_exist_and_is_not_marked(doctor: Doctor, fixture: RegistryFixture) -> None:
    lab, ceph = fixture.lab, fixture.lab.services.ceph
    keys = ceph.admin("user", "create", "--uid=doctor", "--display-name=doctor")["keys"][0]
    account = S3Account("", "us-east-1", keys["access_key"], SecretStr(keys["secret_key"]), "s3", lab.authority.ca_pem)
    fixture.registry.put_secrets({"s3": {"accessKey": keys["access_key"], "secretKey": keys["secret_key"]}})
    site = Site(ceph.rgw_url, host_header="$http_host")  # S3 signs the header
    front = Front.start(lab.directory / "s3-front", lab.processes, lab.authority, site)
    references = {"credentialsSecretRef": {"name": "s3"}, "caSecretRef": {"name": "s3-ca"}}
    s3 = {"endpoint": front.url, "bucket": "doctor", "chunkSizeMiB": 5, **references}
    changes = {"storage": {"swift": None, "s3": s3}}
    assert doctor.codes(changes) == (1, {"spec.storage": "StorageBucketMissing"})
    await HttpS3Store().create_bucket(Bucket(replace(account, endpoint=front.url), "doctor"))
    before = state(fixture)
    assert doctor.codes(changes) == (0, {})
    assert state(fixture) == before


async def test_images_without_their_database_are_found(doctor: Doctor, fixture: RegistryFixture) -> None:
    """The operator has not created the login of the database yet, and the check does not wait for it."""
    async with retained_images(fixture, "cluster-1"):
        before = state(fixture)
        for only in ((), ("--only", "storage")):
            found = doctor.codes({}, "--cluster-id", "cluster-1", *only)
            assert found == (1, {"spec.storage": "StorageContainerRefused"})
        adopted = {"storage": {"swift": {"adoptExisting": True}}}
        assert doctor.codes(adopted, "--cluster-id", "cluster-1") == (0, {})
        assert state(fixture) == before


def test_a_user_that_the_operator_would_provision(doctor: Doctor, fixture: RegistryFixture) -> None:
    ceph = fixture.lab.services.ceph
    login = {"accessKey": ceph.admin_access_key, "secretKey": ceph.admin_secret_key}
    fixture.registry.put_secrets({"rgw-admin": login})
    provision = {"adminURL": ceph.rgw_url, "adminSecretRef": {"name": "rgw-admin"}, "uid": "made", "quotaGiB": 1}
    changes = {"storage": {"swift": {"credentialsSecretRef": {"name": "made"}, "provision": provision}}}
    done = doctor.run(changes, "-o", "json")
    assert done.code == 0, done.out
    (passed,) = [
        each["text"] for each in done.json["findings"] if (each["where"], each["level"]) == ("spec.storage", "ok")
    ]
    assert passed.endswith("so the store was not probed")
    assert "made" not in ceph.admin("user", "list")
    fixture.registry.put_secrets({"rgw-admin": {**login, "secretKey": "wrong"}})
    assert doctor.codes(changes)[1].keys() == {"spec.storage"}


def test_each_wrong_login_is_found_and_its_remedy_ends_it(doctor: Doctor, fixture: RegistryFixture) -> None:
    secrets = {name: fixture.registry.secret(name) for name in ("pg-admin", "redis", "swift")}
    wrong = {name: {**values, "password": "wrongPassword0123"} for name, values in secrets.items()}
    fixture.registry.put_secrets(wrong)
    try:
        code, found = doctor.codes({})
        assert code == 1
        assert found == {
            "spec.database": "DatabaseCredentialsRejected",
            "spec.cache": "CacheCredentialsRejected",
            "spec.storage": "StorageCredentialsRejected",
        }
        printed = {output: doctor.run({}, "-o", output).out for output in ("table", "yaml", "junit")}
        assert "✘ spec.cache         CacheCredentialsRejected" in printed["table"]
        assert all("emedy: " in text and "wrongPassword0123" not in text for text in printed.values())
        listed = yaml.safe_load(printed["yaml"])["findings"]
        assert {each["where"]: each["code"] for each in listed if each["level"] == "error"} == found
        cases = ET.fromstring(printed["junit"]).iter("testcase")  # noqa: S314 - our own
        failures = {case.get("name"): case.find("failure") for case in cases}
        assert {name: each.get("type") for name, each in failures.items() if each is not None} == found
    finally:
        fixture.registry.put_secrets(secrets)
    assert doctor.codes({}) == (0, {})


def test_what_does_not_answer_or_does_not_exist(doctor: Doctor) -> None:
    changes = {
        "database": {"port": 1},
        "cache": {"addresses": ["localhost:1"]},
        "storage": {"swift": {"credentialsSecretRef": {"name": "absent"}}},
        "release": {"version": "1.99.0"},
    }
    code, found = doctor.codes(changes)
    assert code == 1
    assert found == {
        "spec.database": "DatabaseUnreachable",
        "spec.cache": "CacheUnreachable",
        "spec.storage": "SecretMissing",
        "spec.release": "SwiftUnsupported",
        "spec.release.chart": "ChartUnavailable",
    }


HUB = {
    "registries": [{"name": "hub", "type": "docker-hub", "url": "https://hub.docker.com"}],
    "projects": [{"name": "hub", "proxyCache": "hub"}],
}


@pytest.mark.parametrize(
    ("changes", "defective", "remedy"),
    [
        ({}, "1.19.3", "use 1.19.2 or 1.19.4"),
        ({"externalURL": "http://cr.example.com", "expose": {"tlsSecretName": None}}, "1.16.3", "use 1.16.2 or 1.16.4"),
        (HUB, "1.19.0", "use 1.19.1, 1.19.2 or 1.19.4"),
    ],
)
def test_a_chart_that_no_one_should_install(
    doctor: Doctor, changes: dict[str, Any], defective: str, remedy: str
) -> None:
    done = doctor.run({**changes, "release": {"version": defective}}, "-o", "json", "--only", "release")
    found = {each["where"]: each for each in done.json["findings"] if each["level"] == "error"}
    assert found["spec.release"]["code"] == "ChartVersionRefused"
    assert remedy in found["spec.release"]["text"]
    (named, *_) = re.findall(r"\d+\.\d+\.\d+", remedy)
    _, corrected = doctor.codes({**changes, "release": {"version": named}}, "--only", "release")
    assert corrected.get("spec.release") is None


def test_a_key_of_another_length_is_corrected(doctor: Doctor, fixture: RegistryFixture) -> None:
    changes = {"release": {"secretKeyRef": {"name": "old-key"}}}
    fixture.registry.put_secrets({"old-key": {"secretKey": "sixteen-letters0\n"}})
    done = doctor.run(changes, "-o", "json", "--only", "release")
    (found,) = [each for each in done.json["findings"] if each["level"] == "error"]
    assert (found["where"], found["code"]) == ("spec.release", "SecretInvalid")
    assert "copy the old key without a line break at its end" in found["text"]
    fixture.registry.put_secrets({"old-key": {"secretKey": "sixteen-letters0"}})
    assert doctor.codes(changes, "--only", "release") == (0, {})


def test_a_terminal_shows_what_is_still_checked(doctor: Doctor) -> None:
    reader, writer = os.openpty()
    with subprocess.Popen(doctor.command({}), stdout=subprocess.DEVNULL, stderr=writer, env=environment()) as process:
        os.close(writer)
        shown = b"".join(iter(partial(read_terminal, reader), b""))
        assert process.wait(60) == 0
    os.close(reader)
    steps = shown.decode().split("\r\x1b[K")
    assert steps[1].startswith("checking spec.database, spec.cache, spec.storage, spec.release")
    assert steps[-1] == ""


def test_only_some_areas_are_checked(doctor: Doctor) -> None:
    done = doctor.run({"database": {"port": 1}}, "-o", "json", "--only", "cache,storage", "--only", "release")
    assert (done.code, done.err) == (0, ""), done.out
    assert {each["where"] for each in done.json["findings"]} == {"spec.cache", "spec.storage", *RELEASE}
    done = doctor.run({"cache": None}, "--only", "cache")
    assert (done.code, done.err) == (2, "error: `--only cache` checks nothing: the spec has no `spec.cache`\n")


def test_a_chart_from_another_source_is_refused(doctor: Doctor) -> None:
    _, found = doctor.codes({"release": {"chart": "harbor", "repository": "https://charts.example.com"}})
    assert found == {"spec.release.chart": "ChartSourceRefused"}


@pytest.mark.parametrize(
    ("wrong", "remedy", "right"),
    [
        ("core: {replica: 2}", "`core.replica`", "core: {replicas: 2}"),
        ("core: {xsrfKey: short}", "the operator generates it once and keeps it; remove it", "{}"),
    ],
)
def test_the_values_of_the_chart_are_checked(
    doctor: Doctor, fixture: RegistryFixture, wrong: str, remedy: str, right: str
) -> None:
    source = {"kind": "Secret", "name": "values", "key": "values.yaml"}
    changes = {"release": {"valuesFrom": [source]}}
    fixture.registry.put_secrets({"values": {"values.yaml": wrong}})
    done = doctor.run(changes, "-o", "json", "--only", "release")
    (found,) = [each for each in done.json["findings"] if each["level"] == "error"]
    assert (found["where"], found["code"]) == ("spec.release", "ValuesInvalid")
    assert remedy in found["text"]
    fixture.registry.put_secrets({"values": {"values.yaml": right}})
    assert doctor.codes(changes, "--only", "release") == (0, {})


def test_the_account_and_the_rights_of_helm(doctor: Doctor, fixture: RegistryFixture) -> None:
    kubectl, namespace = fixture.lab.control_plane.kubectl, fixture.registry.namespace
    where = "spec.release.serviceAccountName"
    absent = {"release": {"serviceAccountName": "absent"}}
    assert doctor.codes(absent, "--only", "release") == (1, {where: "ReleaseServiceAccountMissing"})
    kubectl("-n", namespace, "create", "serviceaccount", "powerless")
    powerless = {"release": {"serviceAccountName": "powerless"}}
    assert doctor.codes(powerless, "--only", "release") == (1, {where: "RightsMissing"})
    role = ["--clusterrole=harbor-operator-release", f"--serviceaccount={namespace}:powerless"]
    kubectl("-n", namespace, "create", "rolebinding", "harbor-operator-release-2", *role)
    wait_until(lambda: doctor.codes(powerless, "--only", "release") == (0, {}), "the right is there", deadline=60)


def test_a_release_of_another_client_is_found(doctor: Doctor, fixture: RegistryFixture) -> None:
    labels = {"owner": "helm", "name": "cr", "version": "1", "status": "deployed"}
    name, namespace = "sh.helm.release.v1.cr.v1", fixture.registry.namespace
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "helm.sh/release.v1"}
    fixture.lab.control_plane.apply({**secret, "stringData": {"release": "not read"}})
    try:
        assert doctor.codes({}, "--only", "release") == (1, {"spec.release": "ReleaseForeign"})
    finally:
        fixture.lab.control_plane.kubectl("-n", namespace, "delete", "secret", name)


def test_a_harbor_that_others_run_must_answer(doctor: Doctor) -> None:
    changes = {"release": None, "database": None, "cache": None, "storage": None, "externalURL": "https://localhost:1"}
    assert doctor.codes(changes) == (1, {"spec.externalURL": "RegistryUnreachable"})


def test_a_login_provider_must_answer(doctor: Doctor, fixture: RegistryFixture) -> None:
    fixture.registry.put_secrets({"oidc": {"clientSecret": "client-s3cr3t"}})
    client = {"name": "Example", "clientID": "web", "clientSecretRef": {"name": "oidc"}}
    changes = {"authentication": {"oidc": {**client, "endpoint": "https://localhost:1"}}}
    assert doctor.codes(changes, "--only", "authentication") == (1, {"spec.authentication": "OidcUnreachable"})


def test_wrong_usage_ends_with_two(doctor: Doctor, harbor: KubectlHarbor, tmp_path: Path) -> None:
    assert harbor.run("doctor", "-f", str(tmp_path / "absent.yaml")).code == 2
    done = doctor.run({}, "--chart-sources", "ftp://charts.example.com")
    assert done.err.startswith("error: `--chart-sources`: entry 1 is neither")
    assert "`externalURL`" in doctor.run({"externalURL": "not a URL"}).err
