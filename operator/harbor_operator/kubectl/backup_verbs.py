"""The verbs that make a backup, and rehearse its restore."""

from __future__ import annotations

from harbor_operator.kubectl.arguments import CLUSTER_ID, NAME, TIMEOUT, Argument, Values
from harbor_operator.kubectl.rights import CHANGE_REGISTRY, Right, Scope
from harbor_operator.kubectl.verb import Verb

_PROGRAM_SECONDS = {**TIMEOUT.options, "default": 3600.0}

BACKUP = Verb(
    "backup",
    "write a bundle of databases, Secrets, inventory and configuration while Harbor is read-only",
    "backup",
    (
        NAME,
        Argument(
            ("--directory",),
            "new directory for the bundle",
            Values.FILES,
            {"default": "", "metavar": "DIRECTORY"},
        ),
        Argument(
            ("--recipient",),
            "who can decrypt the Secrets: a public key of age, or the fingerprint of a PGP key in your keyring",
            options={"default": "", "metavar": "RECIPIENT"},
        ),
        Argument(
            ("--acknowledge",),
            "record on the HarborRegistry that the backup was made, if it is complete",
            options={"action": "store_true"},
        ),
        Argument(
            ("--release",),
            "make no backup, and end the read-only mode that another run left",
            options={"action": "store_true"},
        ),
        CLUSTER_ID,
        TIMEOUT._replace(help="seconds for the dump of each database, and for the export", options=_PROGRAM_SECONDS),
    ),
    (
        CHANGE_REGISTRY,
        Right(Scope.REGISTRY, "", "secrets", ("get", "list")),
        Right(Scope.CLUSTER, "", "namespaces", ("get",), ("kube-system",)),
    ),
    description="It uses your `pg_dump`, at least as new as the server, and your `age` or `gpg`, from this computer. "
    "The images stay in the object store: the bundle lists them. It needs the package; the single file does not "
    "contain it. The exit code is 1 if something was left out, or if the read-only mode could not be ended.",
)
RESTORE = Verb(
    "restore",
    "prove that a bundle can be restored, in scratch databases that are dropped again",
    "restore",
    (
        Argument(("bundle",), "directory that `backup` wrote", Values.FILES, {"metavar": "BUNDLE"}),
        Argument(
            ("--rehearse",),
            "required: this verb restores nothing but scratch databases",
            options={"action": "store_true", "required": True},
        ),
        Argument(
            ("--scratch",),
            "URL or connection string of a PostgreSQL server on which you may create databases, without a password",
            options={"required": True, "metavar": "CONNECTION"},
        ),
        Argument(
            ("--identity",),
            "file with the private key of age; a PGP key is taken from your keyring",
            Values.FILES,
            {"default": "", "metavar": "FILE"},
        ),
        Argument(
            ("--chart-version",),
            "version of the chart with which to restore; default: that of the backup",
            options={"default": "", "metavar": "VERSION"},
        ),
        TIMEOUT._replace(help="seconds for loading each database", options=_PROGRAM_SECONDS),
    ),
    needs_cluster=False,
    description="It uses your `pg_restore`, at least as new as the `pg_dump` of the backup. The password of the "
    "scratch server comes from `~/.pgpass` or `PGPASSWORD`. It needs the package; the single file does not contain it. "
    "The exit code is 1 if a check fails.",
)
