"""Harbor with a real registry, whose storage driver is configured as the operator and the chart do."""

from __future__ import annotations

import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from pydantic import SecretStr

from harbor_operator.adapters.image_proof import HttpImageProof
from harbor_operator.checks.catalogue.search import recognize
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import GeneratedSecret
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import driver_keys
from harbor_operator.steps.storage_proof import StorageProof
from lab.certs import Authority
from lab.chart import LAB_CHART
from lab.gotools import program
from lab.harbor.standalone import RegistryProgram, Standalone
from lab.images import make_image
from lab.process import LabError, Processes
from lab.skopeo import Skopeo
from tests.contract.test_helm_template import HARBOR_CHART, objects, render
from tests.fakes.kube import FakeKube
from tests.fakes.release import NAMESPACE, registry
from tests.fakes.storage_driver import Driver

LOGIN_SECRET = "hreg-cr-storage-login"
KEY_FILE = "/etc/registry/gcs-key.json"
IMAGE_BYTES = 11 << 20
S3_VARIABLES = ("REGISTRY_STORAGE_S3_ACCESSKEY", "REGISTRY_STORAGE_S3_SECRETKEY")


@dataclass
class DriverFixture:
    """The stand-in of Harbor, and the variables with which its registry reaches the store."""

    directory: Path
    harbor: Standalone
    env: Mapping[str, str]
    kube: FakeKube = field(default_factory=FakeKube)

    @classmethod
    def start(cls, directory: Path, processes: Processes, authority: Authority, proxy: str = "") -> DriverFixture:
        """Starts Harbor; its registry trusts the authority, and reaches the store through the proxy if one is given."""
        env = {"SSL_CERT_FILE": str(authority.ca_path), "HTTPS_PROXY": proxy, "NO_PROXY": ""}
        return cls(directory, Standalone.start(directory, processes, authority), env)

    @property
    def admin(self) -> HarborEndpoint:
        return HarborEndpoint(self.harbor.url, login=Login("admin", SecretStr(self.harbor.admin_password)))

    @property
    def log(self) -> Path:
        """The log of the registry."""
        return self.harbor.registry_log

    def known_problems(self) -> set[str]:
        """Returns the problems that `kubectl harbor logs` finds in the log of the registry."""
        lines = self.log.read_text(errors="replace").splitlines()
        return {problem for line in lines for problem in recognize(line)}

    def serve(self, driver: Driver, credential: Mapping[str, str]) -> None:
        """Starts the registry with what the chart makes of the driver and its Secret. Raises LabError."""
        self.harbor.start_registry(program=self.configured(driver, credential))

    def serve_bucket(self, s3: Mapping[str, Any], env: Mapping[str, str]) -> None:
        """Starts the registry with what the chart makes of `spec.storage.s3`, in its environment. Raises LabError."""
        rendered = render(HARBOR_CHART or str(LAB_CHART), self.directory, storage={"s3": s3})
        found = list(objects(rendered))
        assert _variables(found, {key: key for key in S3_VARIABLES}) == {}
        section = _storage(found, "s3")
        driver_only = {key: section[key] for key in ("s3", "redirect")}
        self.harbor.start_registry(program=RegistryProgram(program("registry"), driver_only, {**self.env, **env}))

    def configured(self, driver: Driver, credential: Mapping[str, str]) -> RegistryProgram:
        """Returns the registry as the containers of the chart run it."""
        given = {key: SecretStr(value) for key, value in credential.items()}
        stored = {key: value.get_secret_value() for key, value in driver_keys(given).items()}
        rendered = render(
            HARBOR_CHART or str(LAB_CHART), self.directory, storage={"driver": driver}, driver_credential=given
        )
        found = list(objects(rendered))
        name, key_file = driver["name"], self.directory / "gcs-key.json"
        key_file.write_text(stored.get("GCS_KEY_DATA", ""))
        section = _storage(found, name)
        section[name] = {key: str(key_file) if value == KEY_FILE else value for key, value in section[name].items()}
        driver_only = {key: section[key] for key in (name, "redirect")}
        return RegistryProgram(program("registry"), driver_only, {**self.env, **_variables(found, stored)})

    async def prove(self, driver: Driver, credential: Mapping[str, str]) -> Blocked | None:
        """Returns what the operator's proof of the driver finds."""
        return await self._prove({"driver": driver}, credential)

    async def prove_bucket(self, s3: Mapping[str, Any]) -> Blocked | None:
        """Returns what the operator's proof of a bucket finds for which it has no keys."""
        return await self._prove({"s3": s3}, {})

    async def _prove(self, storage: Mapping[str, Any], credential: Mapping[str, str]) -> Blocked | None:
        wanted = registry(storage=storage)
        owner = names.owner_labels(wanted)
        self.kube.put(NAMESPACE, "hreg-cr-pins", {str(GeneratedSecret.DIGEST_KEY): "digest-key"}, owner)
        self.kube.put(NAMESPACE, LOGIN_SECRET, credential, owner)
        proof = await StorageProof(self.kube, HttpImageProof(), lambda: datetime.now(UTC)).prove(wanted, self.admin)
        assert proof is not None
        return proof.failure

    def collect_garbage(self) -> None:
        """Removes the layers that no image has, with the driver of the registry, as Harbor's collection does."""
        running = self.harbor.registry_program
        argv = [str(running.path), "garbage-collect", str(self.harbor.registry_config)]
        env = {**os.environ, **running.env}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    def exchange(self, name: str) -> None:
        """Pushes an image whose layer has several chunks, pulls it, and deletes it with its layers. Raises LabError."""
        skopeo, repository = Skopeo(self.directory / "skopeo"), f"library/{name}"
        made = make_image(self.directory / name, size=IMAGE_BYTES)
        reference, login = f"{urlsplit(self.harbor.url).netloc}/{repository}:1", self.directory / "login.json"
        auth = b64encode(f"admin:{self.harbor.admin_password}".encode()).decode()
        login.write_text(json.dumps({"auths": {urlsplit(self.harbor.url).netloc: {"auth": auth}}}))
        assert skopeo.copy_in(self.directory / name, reference, authfile=login) == made
        assert skopeo.copy_out(reference, self.directory / f"{name}-pulled", authfile=login) == made
        skopeo.delete(reference, authfile=login)
        self.collect_garbage()
        with pytest.raises(LabError):
            skopeo.copy_out(reference, self.directory / f"{name}-gone", authfile=login)


def _storage(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Returns the section `storage` of the registry's configuration, with the driver of this name."""
    configs = [each["data"]["config.yml"] for each in found if "config.yml" in (each.get("data") or {})]
    (section,) = [yaml.safe_load(text)["storage"] for text in configs if f"{name}:" in text]
    return dict(section)


def _variables(found: list[dict[str, Any]], credential: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that the container of the registry gets from the Secret of the operator."""
    (deployment,) = [
        each for each in found if each["kind"] == "Deployment" and each["metadata"]["name"].endswith("-registry")
    ]
    (container,) = [each for each in deployment["spec"]["template"]["spec"]["containers"] if each["name"] == "registry"]
    references = {each["name"]: each.get("valueFrom", {}).get("secretKeyRef", {}) for each in container.get("env", [])}
    of_secret = {name: ref["key"] for name, ref in references.items() if ref.get("name") == LOGIN_SECRET}
    whole = [each["secretRef"]["name"] for each in container.get("envFrom", []) if "secretRef" in each]
    given = dict(credential) if LOGIN_SECRET in whole else {}
    return {**given, **{name: credential[key] for name, key in of_secret.items() if key in credential}}
