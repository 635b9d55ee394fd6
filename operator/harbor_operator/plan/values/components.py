"""Sections of Harbor's own processes, with every secret the chart would otherwise generate again at each render."""

from __future__ import annotations

from pydantic import SecretStr

from harbor_operator.api.charts import Feature
from harbor_operator.model.release import GeneratedSecret, RedisKey, Tree
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import REGISTRY_USER
from harbor_operator.plan.values.inputs import Inputs


def admin_values(inputs: Inputs) -> Tree:
    """Returns the first password of 'admin' and the key that encrypts secrets in the database."""
    values: Tree = {}
    if inputs.chart.supports(Feature.ADMIN_PASSWORD_SECRET):
        values["existingSecretAdminPassword"] = names.admin_secret(inputs.registry)
        values["existingSecretAdminPasswordKey"] = names.admin_secret_key(inputs.registry)
    else:
        values["harborAdminPassword"] = inputs.release_secrets.admin_password
    if inputs.chart.supports(Feature.SECRET_KEY_SECRET):
        values["existingSecretSecretKey"] = names.generated_secrets(inputs.registry)
    else:
        values["secretKey"] = inputs.release_secrets.generated[GeneratedSecret.SECRET_KEY]
    return values


def core_values(inputs: Inputs) -> Tree:
    """Returns the section of core; its token key pair comes from our Secret for every chart."""
    core: Tree = {"secretName": names.generated_secrets(inputs.registry)}
    if inputs.chart.supports(Feature.COMPONENT_SECRETS):
        core["existingSecret"] = names.generated_secrets(inputs.registry)
        core["existingXsrfSecret"] = names.generated_secrets(inputs.registry)
        core["existingXsrfSecretKey"] = str(GeneratedSecret.CSRF)
    else:
        core["secret"] = inputs.release_secrets.generated[GeneratedSecret.CORE]
        if inputs.chart.supports(Feature.XSRF_KEY):
            core["xsrfKey"] = inputs.release_secrets.generated[GeneratedSecret.CSRF]
    env = [*_redis_env(inputs, RedisKey.CORE, RedisKey.REGISTRY), *_username_env(inputs, "POSTGRESQL_USERNAME")]
    return {"core": {**core, **_pod_values(inputs, "core"), **_extra_env(env)}}


def jobservice_values(inputs: Inputs) -> Tree:
    """Returns the section of jobservice; it logs to the database, so it needs no volume."""
    jobs: Tree = {}
    if inputs.chart.supports(Feature.COMPONENT_SECRETS):
        jobs["existingSecret"] = names.generated_secrets(inputs.registry)
        jobs["existingSecretKey"] = str(GeneratedSecret.JOBSERVICE)
    else:
        jobs["secret"] = inputs.release_secrets.generated[GeneratedSecret.JOBSERVICE]
    if inputs.chart.supports(Feature.JOB_LOGGERS):
        jobs["jobLoggers"] = ["database"]
    else:
        jobs["jobLogger"] = "database"
    env = _redis_env(inputs, RedisKey.CORE, RedisKey.JOBSERVICE)
    return {"jobservice": {**jobs, **_pod_values(inputs, "jobservice"), **_extra_env(env)}}


def registry_values(inputs: Inputs) -> Tree:
    """Returns the section of the registry and its controller."""
    section: Tree = {}
    if inputs.chart.supports(Feature.COMPONENT_SECRETS):
        section["existingSecret"] = names.generated_secrets(inputs.registry)
        section["existingSecretKey"] = str(GeneratedSecret.REGISTRY_HTTP)
    else:
        section["secret"] = inputs.release_secrets.generated[GeneratedSecret.REGISTRY_HTTP]
    if inputs.chart.supports(Feature.REGISTRY_CREDENTIALS):
        section["credentials"] = _registry_credentials(inputs)
    env = _extra_env(_redis_env(inputs, RedisKey.REGISTRY_PASSWORD))
    if env:
        section |= {"registry": dict(env), "controller": dict(env)}
    return {"registry": {**section, **_pod_values(inputs, "registry")}}


def exporter_values(inputs: Inputs) -> Tree:
    """Returns the section of the metrics exporter, which runs only if the user turns `metrics` on."""
    if not inputs.chart.supports(Feature.EXPORTER):
        return {}
    env = [*_redis_env(inputs, RedisKey.EXPORTER), *_username_env(inputs, "HARBOR_DATABASE_USERNAME")]
    return {"exporter": {**_pod_values(inputs, "exporter"), **_extra_env(env)}}


def optional_defaults(inputs: Inputs) -> Tree:
    """Returns what may be turned on by the user and is off otherwise, and the path-only upload Locations."""
    optional = (Feature.TRIVY, Feature.NOTARY, Feature.CLAIR, Feature.CHARTMUSEUM)
    values: Tree = {feature.key: {"enabled": False} for feature in optional if inputs.chart.supports(feature)}
    return {**values, "registry": {"relativeurls": True}}


def _registry_credentials(inputs: Inputs) -> Tree:
    credentials: Tree = {"username": REGISTRY_USER}
    if inputs.chart.supports(Feature.REGISTRY_CREDENTIALS_SECRET):
        return {**credentials, "existingSecret": names.generated_secrets(inputs.registry)}
    credentials["password"] = inputs.release_secrets.generated[GeneratedSecret.REGISTRY_PASSWORD]
    for feature, key in ((Feature.HTPASSWD_VALUE, "htpasswd"), (Feature.HTPASSWD_STRING, "htpasswdString")):
        if inputs.chart.supports(feature):
            credentials[key] = inputs.release_secrets.generated[GeneratedSecret.REGISTRY_HTPASSWD]
    return credentials


def _pod_values(inputs: Inputs, component: str) -> Tree:
    """Returns an annotation that changes with the Secrets the pods read, for Kubernetes does not restart them."""
    release_secrets = inputs.release_secrets
    generated = [
        generated_key
        for key, generated_key in sorted(release_secrets.generated.items())
        if key not in {GeneratedSecret.INTERNAL_DATABASE, GeneratedSecret.DIGEST_KEY}
    ]
    database = [release_secrets.database_login.password] if release_secrets.database_login else []
    cache = [release_secrets.cache_password] if release_secrets.cache_password else []
    storage = [release_secrets.storage_login.password] if release_secrets.storage_login else []
    storage += [value for _, value in sorted(release_secrets.driver_credential.items())]
    # Jobservice gets the login of the database from core when it starts, so it starts again after core has a new one.
    jobs_login = [SecretStr(release_secrets.jobservice_login)] if release_secrets.jobservice_login else []
    read: dict[str, list[SecretStr]] = {
        "core": [*generated, *database, *cache],
        "jobservice": [*generated, *cache, *jobs_login],
        "registry": [*generated, *cache, *storage],
        "exporter": [*database, *cache],
    }
    keyed_digest = release_secrets.keyed_digest(
        release_secrets.ca_bundle, *(secret.get_secret_value() for secret in read[component])
    )
    return {"podAnnotations": {names.SECRETS_DIGEST: keyed_digest}}


def _extra_env(variables: list[Tree]) -> Tree:
    return {"extraEnvVars": variables} if variables else {}


def _username_env(inputs: Inputs, name: str) -> list[Tree]:
    """Returns the username in the pod template, so that it changes together with the Secret of the password."""
    login = inputs.release_secrets.database_login
    return [{"name": name, "value": login.username}] if login and login.secret else []


def _redis_env(inputs: Inputs, *keys: RedisKey) -> list[Tree]:
    if not inputs.hides_redis_password:
        return []
    secret = names.cache_secret(inputs.registry)
    return [{"name": str(key), "valueFrom": {"secretKeyRef": {"name": secret, "key": str(key)}}} for key in keys]
