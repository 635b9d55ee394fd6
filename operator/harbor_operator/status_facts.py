"""Renders what the steps have observed into the facts of the status, beside its conditions; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pydantic.alias_generators import to_camel

from harbor_operator.model.outcomes import ConditionType, CredentialFacts, Facts

Status = dict[str, Any]

MAX_LISTED_FAILURES = 20


def timestamp(moment: datetime) -> str:
    """Returns a time in the form of the Kubernetes API."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _pull_secrets(facts: Facts) -> Status | None:
    observed = facts.pull_secrets
    if observed is None:
        return None
    status: Status = {
        "namespaces": observed.namespaces,
        "ready": observed.ready,
        "failed": observed.failed,
        "summary": f"{observed.ready}/{observed.namespaces}",
        "failures": [
            {"namespace": failure.namespace, "reason": str(failure.reason), "message": failure.message}
            for failure in sorted(observed.failures, key=lambda failure: failure.namespace)[:MAX_LISTED_FAILURES]
        ],
        "secretName": observed.secret_name,
        "serviceAccounts": list(observed.service_accounts),
    }
    if observed.admission_policy:
        status["admissionPolicy"] = observed.admission_policy
    return status | _credential(observed.credential)


def _project_robots(facts: Facts) -> Status | None:
    observed = facts.project_robots
    if observed is None:
        return None
    if not observed.robots:
        return {}
    status: Status = {"robots": observed.robots, "ready": observed.ready}
    requests = {"lastHandledRotateAt": observed.rotate_request, "lastHandledRevokeAt": observed.revoke_request}
    status |= {name: request for name, request in requests.items() if request}
    return status | ({"expiresAt": timestamp(observed.expires_at)} if observed.expires_at else {})


def _garbage_collection(facts: Facts) -> Status | None:
    observed = facts.garbage_collection
    if observed is None:
        return None
    status: Status = {"schedule": observed.cron} if observed.cron else {}
    if run := observed.last_run:
        status["lastRun"] = {
            "id": run.number,
            "status": run.status,
            "startedAt": timestamp(run.started_at),
            "updatedAt": timestamp(run.updated_at),
        }
        status["lastRun"] |= {} if run.freed_bytes is None else {"freedBytes": run.freed_bytes}
        status["lastRun"] |= {"dryRun": True} if run.is_dry_run else {}
    if found := observed.storage:
        sizes = {"imageBytes": found.image_bytes, "storedBytes": found.stored_bytes}
        status["storage"] = {"run": found.run, **{name: size for name, size in sizes.items() if size is not None}}
    return status


def _credential(observed: CredentialFacts) -> Status:
    requests = {"lastHandledRotateAt": observed.rotate_request, "lastHandledRevokeAt": observed.revoke_request}
    times = {"expiresAt": observed.expires_at, "rotatedAt": observed.rotated_at}
    texts = {"robot": observed.robot, **requests}
    return {name: text for name, text in texts.items() if text} | {
        name: timestamp(moment) for name, moment in times.items() if moment
    }


def _time(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None


def _upgrade(facts: Facts) -> Status | None:
    observed = facts.upgrade
    if observed is None or not observed.steps:
        return None if observed is None else {}
    before = [observed.waits_for, *((f"the upgrade to {step.version}",) for step in observed.steps)]
    return {
        "current": observed.installed,
        "target": observed.target,
        "steps": [
            {
                "version": step.version,
                "harborVersion": step.harbor_minor,
                "migratesDatabase": step.migrates,
                "waitsFor": list(waits_for),
            }
            for step, waits_for in zip(observed.steps, before, strict=False)
        ],
    }


def _storage_migration(facts: Facts) -> Status | None:
    observed = facts.storage_migration
    if observed is None:
        return None
    known = {to_camel(name): value for name, value in asdict(observed).items() if value is not None}
    return known if observed.phase else {}


FACTS: Mapping[str, tuple[tuple[ConditionType, ...], Callable[[Facts], Any]]] = {
    "chartVersion": ((ConditionType.RELEASE,), lambda facts: facts.chart_version),
    "chartDigest": ((ConditionType.RELEASE,), lambda facts: facts.chart_digest),
    "chartDeployedAt": ((ConditionType.RELEASE,), lambda facts: _time(facts.chart_deployed_at)),
    "upgrade": ((ConditionType.RELEASE,), _upgrade),
    "databaseSchema": ((ConditionType.DATABASE,), lambda facts: facts.database_schema),
    "harborVersion": ((ConditionType.RELEASE, ConditionType.REACHABILITY), lambda facts: facts.harbor_version),
    "releaseRevision": ((ConditionType.RELEASE,), lambda facts: facts.release_revision),
    "storageURL": ((ConditionType.STORAGE,), lambda facts: facts.storage_url),
    "storageProof": ((ConditionType.REACHABILITY,), lambda facts: facts.storage_proof),
    "pullSecrets": ((ConditionType.PULL_SECRETS,), _pull_secrets),
    "projectRobots": ((ConditionType.CONFIGURATION,), _project_robots),
    "storageMigration": ((ConditionType.CONFIGURATION,), _storage_migration),
    "garbageCollection": ((ConditionType.CONFIGURATION,), _garbage_collection),
}
"""Each fact of the status, the conditions whose steps report it, and how it is read from their outcomes."""
