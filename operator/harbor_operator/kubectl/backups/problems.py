"""What a rehearsal can find in a bundle, each with its remedy."""

from __future__ import annotations

from enum import StrEnum

from harbor_operator.kubectl.findings import Finding, Level


class Problem(StrEnum):
    """The code of a finding."""

    PASSED = "Passed"
    FILE_MISSING = "FileMissing"
    DIGEST_DIFFERS = "DigestDiffers"
    SECRETS_UNREADABLE = "SecretsUnreadable"
    DUMP_UNREADABLE = "DumpUnreadable"
    SCHEMA_UNKNOWN = "SchemaUnknown"
    SCHEMA_DIRTY = "SchemaDirty"
    SCHEMA_NEWER = "SchemaNewer"
    SECRET_KEY_MISSING = "SecretKeyMissing"  # noqa: S105 - the name of a problem
    SECRET_KEY_WRONG = "SecretKeyWrong"  # noqa: S105
    SECRET_KEY_UNPROVED = "SecretKeyUnproved"  # noqa: S105
    INVENTORY_MISSING = "InventoryMissing"
    INVENTORY_UNREADABLE = "InventoryUnreadable"
    BLOBS_MISSING = "BlobsMissing"
    SCRATCH_LEFT = "ScratchLeft"


_ANOTHER = "Use another copy of this bundle, or an earlier one. If Harbor still runs, make another backup now."
_REMEDIES = {
    Problem.FILE_MISSING: _ANOTHER,
    Problem.DIGEST_DIFFERS: f"The file changed after the backup. {_ANOTHER}",
    Problem.SECRETS_UNREADABLE: "Use the private key of the recipient: `--identity FILE` for age, your keyring for "
    "PGP. Without it, the secretKey cannot be restored.",
    Problem.DUMP_UNREADABLE: f"Check that `pg_restore` is as new as `pg_dump` was. {_ANOTHER}",
    Problem.SCHEMA_UNKNOWN: "Name a chart version that this command knows with `--chart-version`.",
    Problem.SCHEMA_DIRTY: "Harbor does not start on this database: a migration was not complete. Use a backup from "
    "before the upgrade.",
    Problem.SCHEMA_NEWER: "Restore with the chart version of the backup, or a newer one: Harbor never migrates down.",
    Problem.SECRET_KEY_MISSING: "Find the secretKey of this Harbor: without it, stored passwords are lost.",
    Problem.SECRET_KEY_WRONG: "Find the secretKey with which Harbor ran at that time, for example in an earlier "
    "bundle. With this one, the passwords of remote registries and of the login provider must be entered again.",
    Problem.SECRET_KEY_UNPROVED: "Nothing to do: the database stores too little that is encrypted.",
    Problem.INVENTORY_MISSING: "Compare the images yourself: the backup did not list them.",
    Problem.INVENTORY_UNREADABLE: _ANOTHER,
    Problem.BLOBS_MISSING: "These images cannot be pulled after a restore. If the store lacks the blobs, push the "
    "images again; if it has them, make another backup.",
    Problem.SCRATCH_LEFT: "Drop it if no other rehearsal runs: `DROP DATABASE` with this name.",
}
_WARNINGS = {Problem.SECRET_KEY_UNPROVED, Problem.INVENTORY_MISSING, Problem.SCRATCH_LEFT}


def passed(where: str, text: str) -> Finding:
    """Returns the finding of a check that passed."""
    return Finding(Level.OK, Problem.PASSED, where, text, "")


def found(problem: Problem, where: str, text: str) -> Finding:
    """Returns the finding of a problem."""
    level = Level.WARNING if problem in _WARNINGS else Level.ERROR
    return Finding(level, problem, where, text, _REMEDIES[problem])
