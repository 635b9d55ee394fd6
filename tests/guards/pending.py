"""What is not clean yet, per guard, and since when. Each guard fails on an entry that is clean: lists only shrink."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def differences(found: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Returns each violation that is not allowed, and each entry that allows nothing any more."""
    violations, entries = set(found), set(allowed)
    new = [f"violation: {what}" for what in sorted(violations - entries)]
    return new + [f"clean, remove the entry: {what}" for what in sorted(entries - violations)]


SINCE = "2026-11-27"

WITHOUT_MODULE: Mapping[str, str] = dict.fromkeys(
    [
        "tests/unit/adapters/test_kube_calls.py",
        "tests/unit/adapters/test_kube_http.py",
        "tests/unit/adapters/test_kube_watch.py",
        "tests/unit/adapters/test_kube_workloads.py",
        "tests/unit/benchmarks/test_reading.py",
        "tests/unit/injector/rescue/test_rescue_model.py",
        "tests/unit/injector/rescue/test_rescue_runner.py",
        "tests/unit/injector/rescue/test_rescuer.py",
        "tests/unit/injector/test_births.py",
        "tests/unit/injector/test_budget.py",
        "tests/unit/injector/test_contests.py",
        "tests/unit/injector/test_first_look.py",
        "tests/unit/injector/test_runner.py",
        "tests/unit/injector/test_trouble.py",
        "tests/unit/injector/test_width.py",
        "tests/unit/injector/test_withdrawal.py",
        "tests/unit/plan/test_secrets.py",
        "tests/unit/test_http_server.py",
    ],
    SINCE,
)
UNNAMED_FIXTURES: Mapping[str, str] = dict.fromkeys(
    [
        "tests/contract/helm_world.py",
        "tests/contract/test_database_step.py",
        "tests/contract/test_harbor_port.py",
        "tests/contract/test_postgres.py",
        "tests/contract/test_redis.py",
        "tests/contract/test_rgw_admin.py",
        "tests/contract/test_swift.py",
        "tests/e2e/world.py",
        "tests/fakes/database_world.py",
        "tests/unit/injector/world.py",
        "tests/unit/steps/pull_world.py",
        "tests/unit/steps/storage_world.py",
        "tests/unit/steps/test_configuration.py",
        "tests/unit/steps/test_reachability.py",
    ],
    SINCE,
)
NUMBERS_WITHOUT_UNIT: Mapping[str, str] = dict.fromkeys(
    [
        "operator/harbor_operator/adapters/event_recorder.py:_LONGEST_MESSAGE",
        "operator/harbor_operator/adapters/event_recorder.py:_LONGEST_NAME",
        "operator/harbor_operator/adapters/harbor.py:_FOREVER",
        "operator/harbor_operator/adapters/harbor.py:_REPOSITORIES_TRIED",
        "operator/harbor_operator/adapters/harbor_http.py:DEADLINE",
        "operator/harbor_operator/adapters/harbor_probe.py:_HTTPS",
        "operator/harbor_operator/adapters/helm.py:_TAIL",
        "operator/harbor_operator/adapters/kube_api.py:TIMEOUT",
        "operator/harbor_operator/adapters/kube_client.py:LIST_TIMEOUT",
        "operator/harbor_operator/adapters/kube_client.py:TOKEN_LIFETIME",
        "operator/harbor_operator/adapters/postgres_queries.py:_SET_OPTION_EXISTS",
        "operator/harbor_operator/adapters/postgres_statements.py:_FORCE_EXISTS",
        "operator/harbor_operator/adapters/postgres_statements.py:_SET_OPTION_EXISTS",
        "operator/harbor_operator/adapters/reflector.py:PAGE",
        "operator/harbor_operator/adapters/swift.py:DEADLINE",
        "operator/harbor_operator/app.py:SILENT_WATCH",
        "operator/harbor_operator/checks/database.py:_ADMIN_OPTION_COUNTS",
        "operator/harbor_operator/checks/release.py:_UPGRADE_STEP",
        "operator/harbor_operator/injector/concurrency.py:ALLOWED_QUEUE",
        "operator/harbor_operator/injector/concurrency.py:BACKGROUND_ALLOWED_QUEUE",
        "operator/harbor_operator/injector/concurrency.py:PROBE_LIMIT",
        "operator/harbor_operator/injector/injector.py:RESYNC_BATCH",
        "operator/harbor_operator/plan/generated_secrets.py:_SHORTEST_SECRET",
        "operator/harbor_operator/plan/release.py:_SHORTEST_HIDDEN",
        "operator/harbor_operator/plan/values/eras.py:_LAST",
        "operator/harbor_operator/steps/release.py:_LOOK_AGAIN",
        "operator/harbor_operator/steps/storage_probe.py:LEFTOVERS",
        "operator/harbor_operator/steps/storage_removal.py:BATCH",
        "operator/harbor_operator/steps/storage_removal.py:NEXT_BITE",
    ],
    SINCE,
)
ADAPTERS_WITHOUT_PORT: Mapping[str, str] = dict.fromkeys(
    [
        "adapters/admission.py:KubernetesAdmissionPolicyApi: AdmissionPolicyApi",
        "adapters/harbor.py:HttpHarbor: Harbor",
        "adapters/harbor_probe.py:HttpRegistryProbe: RegistryProbe",
        "adapters/helm.py:SubprocessHelm: Helm",
        "adapters/kube_pull_secrets.py:KubernetesPullSecretApi: PullSecretApi",
        "adapters/kube_resources.py:KubernetesNamespaceResources: NamespaceResources",
        "adapters/pod_eviction.py:KubernetesPodEvictionApi: PodEvictionApi",
        "adapters/postgres.py:PsycopgPostgres: Postgres",
        "adapters/redis.py:RedisPyCache: Redis",
        "adapters/registry_status.py:KubernetesRegistryStatusApi: RegistryStatusApi",
        "adapters/rgw_admin.py:HttpRgwAdmin: RgwAdmin",
        "adapters/swift.py:SwiftObjectStore: ObjectStore",
    ],
    SINCE,
)
REPEATED_DOCSTRINGS: Mapping[str, str] = {}
TWIN_DOCSTRINGS: Mapping[str, str] = dict.fromkeys(
    [
        "adapters/admission.py = ports/admission.py",
        "adapters/kube_resources.py = ports/namespace_resources.py",
        "adapters/pod_eviction.py = ports/pod_eviction.py",
        "adapters/rgw_admin.py = ports/rgw_admin.py",
        "adapters/swift.py = ports/object_store.py",
        "injector/backoff.py = injector/writer.py",
        "injector/injector.py = ports/injection.py",
        "injector/stuck_pods/evictor.py = ports/stuck_pods.py",
    ],
    SINCE,
)
MISPLACED_IMPORTS: Mapping[str, str] = dict.fromkeys(
    [
        "app.py:kopf",
    ],
    SINCE,
)
