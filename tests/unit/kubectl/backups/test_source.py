"""Which Secrets belong to a backup."""

from __future__ import annotations

import yaml

from harbor_operator.kubectl.backups.source import referenced_secrets
from lab.registries import example


def test_every_secret_that_a_spec_names_is_found() -> None:
    (full,) = example("full.yaml")
    text = yaml.safe_dump(full["spec"])
    found = set(referenced_secrets(full["spec"]))
    assert {"pg-admin", "pg-ca", "redis", "swift", "s3-ca", "cr-ca"} <= found
    assert all(f"name: {name}" in text for name in found)


def test_values_come_from_secrets_and_config_maps() -> None:
    values = [{"kind": "Secret", "name": "mirror", "key": "a"}, {"kind": "ConfigMap", "name": "other", "key": "a"}]
    assert list(referenced_secrets({"release": {"valuesFrom": values}})) == ["mirror"]
