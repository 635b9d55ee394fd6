"""What the content of a loaded bundle means; pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import SecretStr

from harbor_operator.adapters.harbor_secrets import decrypt
from harbor_operator.api.charts import ChartSupport
from harbor_operator.api.schema_versions import harbor_minor_of, max_schema
from harbor_operator.kubectl.backups.problems import Problem, found, passed
from harbor_operator.kubectl.findings import Finding
from harbor_operator.model.backup import MissingBlob
from harbor_operator.model.database import ObservedSchema

MIN_PROOF_BYTES = 8
"""A wrong key makes random bytes: 8 of them are printable in one of 3000 cases."""
MAX_NAMED = 3


def check_schema(schema: ObservedSchema | None, chart: ChartSupport | None, version: str, where: str) -> Finding:
    """Returns whether the chart's Harbor starts on this schema; it migrates an older one itself."""
    if schema is None:
        return found(Problem.SCHEMA_DIRTY, where, "the database has no row in 'schema_migrations'")
    if schema.is_dirty:
        return found(Problem.SCHEMA_DIRTY, where, f"migration {schema.version} is marked as dirty")
    newest = max_schema(chart) if chart else None
    if newest is None:
        text = f"it is not known which schema chart version '{version}' needs; the database has {schema.version}"
        return found(Problem.SCHEMA_UNKNOWN, where, text)
    if schema.version > newest:
        return found(
            Problem.SCHEMA_NEWER,
            where,
            f"schema {schema.version} is one of Harbor {harbor_minor_of(schema.version)}, and chart {version} knows "
            f"only schemas up to {newest}",
        )
    return passed(where, f"schema {schema.version} fits chart {version}, which knows schemas up to {newest}")


def check_secret_key(secret_key: SecretStr | None, encrypted: Sequence[tuple[str, str]], where: str) -> Finding:
    """Returns whether the secretKey makes readable text of the encrypted values, each with its table and column."""
    if secret_key is None:
        return found(Problem.SECRET_KEY_MISSING, where, "no secretKey was read, so no stored value was decrypted")
    wrong = [column for column, value in encrypted if not _is_text(secret_key, value)]
    if wrong:
        columns = ", ".join(sorted(set(wrong)))
        text = f"the secretKey does not decrypt {len(wrong)} of {len(encrypted)} stored values ({columns})"
        return found(Problem.SECRET_KEY_WRONG, where, text)
    if sum(len(decrypt(secret_key, value)) for _, value in encrypted) < MIN_PROOF_BYTES:
        return found(
            Problem.SECRET_KEY_UNPROVED, where, "the database has no encrypted value, or only a very short one"
        )
    return passed(where, f"the secretKey decrypts {len(encrypted)} stored values")


def check_blobs(missing: Sequence[MissingBlob], limit: int, where: str) -> Finding:
    """Returns whether the inventory has each blob that a manifest needs; more than `limit` were not counted."""
    if not missing:
        return passed(where, "every blob of every manifest is in the inventory")
    count = f"more than {limit}" if len(missing) > limit else str(len(missing))
    named = "; ".join(map(_describe, missing[:MAX_NAMED]))
    return found(Problem.BLOBS_MISSING, where, f"the inventory lacks {count} blobs of manifests: {named}")


def _describe(blob: MissingBlob) -> str:
    size = "" if blob.found is None else f", which has {blob.found} bytes instead of {blob.expected}"
    return f"{blob.digest} of manifest {blob.manifest}{size}"


def _is_text(secret_key: SecretStr, value: str) -> bool:
    try:
        text = decrypt(secret_key, value).decode()
    except ValueError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)
