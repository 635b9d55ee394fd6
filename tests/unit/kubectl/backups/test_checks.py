"""What a loaded bundle proves: schema, secretKey and blobs."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from pydantic import SecretStr

from harbor_operator.api.charts import find_chart
from harbor_operator.kubectl.backups.checks import check_blobs, check_schema, check_secret_key
from harbor_operator.kubectl.findings import Level
from harbor_operator.model.backup import MissingBlob
from harbor_operator.model.database import ObservedSchema

KEY, OTHER_KEY = SecretStr("0123456789abcdef"), SecretStr("fedcba9876543210")
VECTOR = bytes(range(16))


def encrypted(text: str) -> str:
    encryptor = Cipher(AES(KEY.get_secret_value().encode()), CFB(VECTOR)).encryptor()
    return "<enc-v1>" + base64.b64encode(VECTOR + encryptor.update(text.encode())).decode()


@pytest.mark.parametrize(
    ("schema", "version", "code"),
    [
        (ObservedSchema(180, is_dirty=False), "1.19.1", "Passed"),
        (ObservedSchema(15, is_dirty=False), "1.19.1", "Passed"),
        (ObservedSchema(180, is_dirty=False), "1.18.0", "SchemaNewer"),
        (ObservedSchema(180, is_dirty=True), "1.19.1", "SchemaDirty"),
        (ObservedSchema(180, is_dirty=False), "9.9.9", "SchemaUnknown"),
        (ObservedSchema(180, is_dirty=False), "", "SchemaUnknown"),
        (None, "1.19.1", "SchemaDirty"),
    ],
)
def test_the_schema_must_fit_the_chart(schema: ObservedSchema | None, version: str, code: str) -> None:
    assert check_schema(schema, find_chart(version), version, "dump").code == code


@pytest.mark.parametrize(
    ("key", "values", "code"),
    [
        (KEY, [encrypted("password of hub"), encrypted('{"a": 1,\n"b": 2}')], "Passed"),
        (OTHER_KEY, [encrypted("password of hub")], "SecretKeyWrong"),
        (KEY, [encrypted("password of hub"), "<enc-v1>AAAA"], "SecretKeyWrong"),
        (SecretStr("short"), [encrypted("password of hub")], "SecretKeyWrong"),
        (KEY, [], "SecretKeyUnproved"),
        (KEY, [encrypted("abc")], "SecretKeyUnproved"),
        (None, [encrypted("password of hub")], "SecretKeyMissing"),
    ],
)
def test_the_secret_key_must_decrypt_stored_values(key: SecretStr | None, values: list[str], code: str) -> None:
    finding = check_secret_key(key, [("registry.access_secret", value) for value in values], "dump")
    assert finding.code == code
    assert "password of hub" not in str(finding)
    assert (finding.level is Level.ERROR) == (code not in {"Passed", "SecretKeyUnproved"})


def test_missing_blobs_are_counted_and_the_first_are_named() -> None:
    missing = [MissingBlob("sha256:m", f"sha256:{number}", 7, None) for number in range(5)]
    assert check_blobs([], 1000, "inventory").code == "Passed"
    finding = check_blobs(missing, 1000, "inventory")
    assert "lacks 5 blobs of manifests: sha256:0 of manifest sha256:m; " in finding.text
    assert "sha256:3" not in finding.text
    assert "lacks more than 4 blobs" in check_blobs(missing, 4, "inventory").text
    resized = check_blobs([MissingBlob("sha256:m", "sha256:b", 7, 0)], 1000, "inventory")
    assert "sha256:b of manifest sha256:m, which has 0 bytes instead of 7" in resized.text
