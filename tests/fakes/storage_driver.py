"""Storage drivers as a spec names them."""

from __future__ import annotations

import json
from typing import Any

Driver = dict[str, Any]

SECRET: Driver = {"name": "store"}
AZURE: Driver = {
    "name": "azure",
    "parameters": {"accountname": "images", "container": "harbor"},
    "secretRef": SECRET,
}
GCS: Driver = {"name": "gcs", "parameters": {"bucket": "images"}, "secretRef": SECRET}
OSS: Driver = {
    "name": "oss",
    "parameters": {"accesskeyid": "LTAI5t", "region": "oss-cn-hangzhou", "bucket": "images", "chunksize": "10485760"},
    "secretRef": SECRET,
}
S3: Driver = {"name": "s3", "parameters": {"region": "eu-central-1", "bucket": "images"}}
KEYSTONE: Driver = {
    "name": "swift",
    "parameters": {
        "authurl": "https://keystone.example.com/v3",
        "authversion": "3",
        "username": "harbor",
        "container": "harbor",
        "tenant": "images",
        "domain": "default",
    },
    "secretRef": SECRET,
}
VALID: dict[str, Driver] = {"azure": AZURE, "gcs": GCS, "oss": OSS, "s3": S3, "swift": KEYSTONE}

GOOGLE_KEY = {"type": "service_account", "client_email": "cr@example.com", "private_key": "gcs-secret-key-1"}
CREDENTIALS: dict[str, dict[str, str]] = {
    "azure": {"AZURE_STORAGE_ACCESS_KEY": "azure/secret/key"},
    "gcs": {"GCS_KEY_DATA": f"{json.dumps(GOOGLE_KEY)}\n"},
    "oss": {"REGISTRY_STORAGE_OSS_ACCESSKEYSECRET": "oss-secret-key-1"},
    "s3": {},
    "swift": {"REGISTRY_STORAGE_SWIFT_PASSWORD": "swift-secret-key-1"},
}
"""What the Secret of each driver contains, if it has one; the key of Azure is base64."""
