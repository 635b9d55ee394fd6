"""Sections `externalURL`, `expose` and the CA bundles: how clients reach Harbor, and which CAs it trusts."""

from __future__ import annotations

from urllib.parse import urlsplit

from harbor_operator.api.charts import Feature
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.hosts import parse_address
from harbor_operator.model.release import Tree
from harbor_operator.plan import names
from harbor_operator.plan.gateway import route_hosts, route_labels, uses_route
from harbor_operator.plan.generated_secrets import CA_KEY, changed_ca, renewed_certificate
from harbor_operator.plan.values.inputs import Inputs


def expose_values(inputs: Inputs) -> Tree:
    """Returns the external URL, how it is exposed, and its certificate.

    The chart's nginx reads its certificate once, when it starts. The annotation exists only after the certificate was
    renewed, so that no release of an earlier operator is upgraded for it.
    """
    registry = inputs.registry
    expose: Tree = {"type": registry.spec.expose.type, "tls": _tls_values(inputs)}
    if registry.spec.expose.type == "ingress":
        expose["ingress"] = _ingress_values(inputs)
    if uses_route(registry):
        expose["route"] = _route_values(registry)
    values: Tree = {"externalURL": registry.spec.external_url, "expose": expose}
    if renewed := renewed_certificate(inputs.release_secrets):
        values["nginx"] = {"podAnnotations": {names.SECRETS_DIGEST: renewed}}
    return values


def trust_values(inputs: Inputs) -> Tree:
    """Returns the CAs that Harbor's pods trust, and the one that users may download from the portal."""
    values: Tree = {}
    if inputs.release_secrets.ca_bundle and inputs.chart.supports(Feature.CA_BUNDLE):
        values["caBundleSecretName"] = names.ca_secret(inputs.registry)
        # The annotations of the other components contain the bundle since their first version.
        if inputs.trivy and (changed := changed_ca(inputs.release_secrets)):
            values["trivy"] = {"podAnnotations": {names.SECRETS_DIGEST: changed}}
    own = inputs.registry.spec.ca_secret_ref
    # The chart mounts this Secret as it is and offers the file called ca.crt.
    if own and own.key == CA_KEY and inputs.chart.supports(Feature.CA_DOWNLOAD):
        values["caSecretName"] = own.name
    return values


def _tls_values(inputs: Inputs) -> Tree:
    secret = inputs.registry.spec.expose.tls_secret_name
    if not secret:
        return {"enabled": False}
    if inputs.chart.supports(Feature.TLS_CERT_SOURCE):
        return {"enabled": True, "certSource": "secret", "secret": {"secretName": secret}}
    return {"enabled": True, "secretName": secret}


def _route_values(registry: HarborRegistry) -> Tree:
    parents = [
        {key: value for key, value in ref.model_dump(by_alias=True).items() if value}
        for ref in registry.spec.expose.parent_refs
    ]
    return {"parentRefs": parents, "hosts": route_hosts(registry), "labels": route_labels(registry)}


def _ingress_values(inputs: Inputs) -> Tree:
    expose = inputs.registry.spec.expose
    # Behind a proxy that ends TLS, a redirect to https would loop.
    redirect = "true" if expose.tls_secret_name else "false"
    annotations = {
        "ingress.kubernetes.io/proxy-body-size": "0",
        "ingress.kubernetes.io/ssl-redirect": redirect,
        "nginx.ingress.kubernetes.io/proxy-body-size": "0",
        "nginx.ingress.kubernetes.io/ssl-redirect": redirect,
    }
    host = urlsplit(inputs.registry.spec.external_url).hostname or ""
    values: Tree = {
        # The host of an Ingress is a name: without one, the Ingress is for every host.
        "hosts": {"core": "" if parse_address(host) else host},
        "annotations": annotations,
    }
    if expose.ingress_class_name and inputs.chart.supports(Feature.INGRESS_CLASS):
        values["className"] = expose.ingress_class_name
    elif expose.ingress_class_name:
        annotations["kubernetes.io/ingress.class"] = expose.ingress_class_name
    return values
