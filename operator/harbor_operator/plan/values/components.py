"""Sections of Harbor's own processes, with every secret the chart would otherwise draw anew at each render."""

from __future__ import annotations

from pydantic import SecretStr

from harbor_operator.plan import names
from harbor_operator.plan.secrets import REGISTRY_USER, Pin, RedisKey
from harbor_operator.plan.values.eras import Feature
from harbor_operator.plan.values.inputs import Inputs, Tree


def admin_values(inputs: Inputs) -> Tree:
    """Returns the first password of 'admin' and the key that encrypts secrets in the database."""
    values: Tree = {}
    if inputs.era.has(Feature.ADMIN_PASSWORD_SECRET):
        values["existingSecretAdminPassword"] = names.admin_secret(inputs.registry)
        values["existingSecretAdminPasswordKey"] = names.admin_secret_key(inputs.registry)
    else:
        values["harborAdminPassword"] = inputs.material.admin_password
    if inputs.era.has(Feature.SECRET_KEY_SECRET):
        values["existingSecretSecretKey"] = names.pins_secret(inputs.registry)
    else:
        values["secretKey"] = inputs.material.pins[Pin.SECRET_KEY]
    return values


def core_values(inputs: Inputs) -> Tree:
    """Returns the section of core; its token key pair comes from our Secret in every era."""
    core: Tree = {"secretName": names.pins_secret(inputs.registry)}
    if inputs.era.has(Feature.COMPONENT_SECRETS):
        core["existingSecret"] = names.pins_secret(inputs.registry)
        core["existingXsrfSecret"] = names.pins_secret(inputs.registry)
        core["existingXsrfSecretKey"] = str(Pin.CSRF)
    else:
        core["secret"] = inputs.material.pins[Pin.CORE]
        if inputs.era.has(Feature.XSRF_KEY):
            core["xsrfKey"] = inputs.material.pins[Pin.CSRF]
    return {"core": {**core, **_pod_values(inputs, "core"), **_redis_env(inputs, RedisKey.CORE, RedisKey.REGISTRY)}}


def jobservice_values(inputs: Inputs) -> Tree:
    """Returns the section of jobservice; it logs to the database, so it needs no volume."""
    jobs: Tree = {}
    if inputs.era.has(Feature.COMPONENT_SECRETS):
        jobs["existingSecret"] = names.pins_secret(inputs.registry)
        jobs["existingSecretKey"] = str(Pin.JOBSERVICE)
    else:
        jobs["secret"] = inputs.material.pins[Pin.JOBSERVICE]
    if inputs.era.has(Feature.JOB_LOGGERS):
        jobs["jobLoggers"] = ["database"]
    else:
        jobs["jobLogger"] = "database"
    env = _redis_env(inputs, RedisKey.CORE, RedisKey.JOBSERVICE)
    return {"jobservice": {**jobs, **_pod_values(inputs, "jobservice"), **env}}


def registry_values(inputs: Inputs) -> Tree:
    """Returns the section of the registry and its controller."""
    section: Tree = {}
    if inputs.era.has(Feature.COMPONENT_SECRETS):
        section["existingSecret"] = names.pins_secret(inputs.registry)
        section["existingSecretKey"] = str(Pin.REGISTRY_HTTP)
    else:
        section["secret"] = inputs.material.pins[Pin.REGISTRY_HTTP]
    if inputs.era.has(Feature.REGISTRY_CREDENTIALS):
        section["credentials"] = _registry_credentials(inputs)
    env = _redis_env(inputs, RedisKey.REGISTRY_PASSWORD)
    if env:
        section |= {"registry": dict(env), "controller": dict(env)}
    return {"registry": {**section, **_pod_values(inputs, "registry")}}


def exporter_values(inputs: Inputs) -> Tree:
    """Returns the section of the metrics exporter, which runs only if the user turns `metrics` on."""
    if not inputs.era.has(Feature.EXPORTER):
        return {}
    return {"exporter": {**_pod_values(inputs, "exporter"), **_redis_env(inputs, RedisKey.EXPORTER)}}


def optional_defaults(inputs: Inputs) -> Tree:
    """Returns what may be turned on by the user and is off otherwise, and the path-only upload Locations."""
    optional = (Feature.TRIVY, Feature.NOTARY, Feature.CLAIR, Feature.CHARTMUSEUM)
    values: Tree = {feature.value[0]: {"enabled": False} for feature in optional if inputs.era.has(feature)}
    return {**values, "registry": {"relativeurls": True}}


def _registry_credentials(inputs: Inputs) -> Tree:
    credentials: Tree = {"username": REGISTRY_USER}
    if inputs.era.has(Feature.REGISTRY_CREDENTIALS_SECRET):
        return {**credentials, "existingSecret": names.pins_secret(inputs.registry)}
    credentials["password"] = inputs.material.pins[Pin.REGISTRY_PASSWORD]
    for feature, key in ((Feature.HTPASSWD_VALUE, "htpasswd"), (Feature.HTPASSWD_STRING, "htpasswdString")):
        if inputs.era.has(feature):
            credentials[key] = inputs.material.pins[Pin.REGISTRY_HTPASSWD]
    return credentials


def _pod_values(inputs: Inputs, component: str) -> Tree:
    """Returns an annotation that changes with the Secrets the pods read, for Kubernetes does not restart them."""
    material = inputs.material
    pins = [pin for key, pin in sorted(material.pins.items()) if key not in {Pin.INTERNAL_DATABASE, Pin.DIGEST_KEY}]
    database = [material.database_login.password] if material.database_login else []
    cache = [material.cache_password] if material.cache_password else []
    storage = [material.storage_login.password] if material.storage_login else []
    read: dict[str, list[SecretStr]] = {
        "core": [*pins, *database, *cache],
        "jobservice": [*pins, *cache],
        "registry": [*pins, *cache, *storage],
        "exporter": [*database, *cache],
    }
    mark = material.mark(material.ca_bundle, *(secret.get_secret_value() for secret in read[component]))
    return {"podAnnotations": {names.SECRETS_DIGEST: mark}}


def _redis_env(inputs: Inputs, *keys: RedisKey) -> Tree:
    if not inputs.hides_redis_password:
        return {}
    secret = names.cache_secret(inputs.registry)
    return {
        "extraEnvVars": [
            {"name": str(key), "valueFrom": {"secretKeyRef": {"name": secret, "key": str(key)}}} for key in keys
        ]
    }
