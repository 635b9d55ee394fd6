"""Checks of an OpenID provider by what it says of itself, before Harbor uses it."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_operator.api.authentication import Oidc
from harbor_operator.checks.texts import quoted_names
from harbor_operator.model.authentication import ProviderMetadata
from harbor_operator.model.outcomes import Blocked, StatusWarning, Unknown
from harbor_operator.reasons import Reason

OFFLINE_ACCESS = "offline_access"
DISCOVERY_PATH = "/.well-known/openid-configuration"

_GOOGLE = "https://accounts.google.com"
"""Harbor itself asks Google for refresh tokens and leaves out the scope that Google does not know."""
_FIELD = "spec.authentication.oidc"
_SYMPTOM = (
    "`docker login` with a CLI secret works until the user's ID token expires, and then fails until the user has "
    "logged in to Harbor with a browser again"
)
_AUTOMATION = "use robot accounts for automation"


def check_issuer(oidc: Oidc, metadata: ProviderMetadata) -> Blocked | None:
    """Returns that the provider has another issuer URL than the spec, or None: Harbor would refuse every ID token."""
    if metadata.issuer == oidc.endpoint:
        return None
    return Blocked(
        Reason.OIDC_ISSUER_MISMATCH,
        f"the provider at `{_FIELD}.endpoint` ({oidc.endpoint}) names itself '{metadata.issuer}', and Harbor accepts "
        "tokens of exactly its endpoint only: if that is your provider, set the endpoint to this text, with or without "
        "the slash at its end; otherwise correct the issuer in the provider's configuration",
    )


def oidc_warnings(oidc: Oidc, metadata: ProviderMetadata) -> tuple[StatusWarning, ...]:
    """Returns what users will see later; none of it stops a login now, and a provider need not list everything."""
    return (*_scope_warnings(oidc, metadata), *_claim_warnings(oidc, metadata), *_refresh_warnings(oidc, metadata))


def _scope_warnings(oidc: Oidc, metadata: ProviderMetadata) -> Iterator[StatusWarning]:
    unlisted = [scope for scope in oidc.scopes if scope not in (metadata.scopes or oidc.scopes)]
    if _is_google(oidc):
        unlisted = [scope for scope in unlisted if scope != OFFLINE_ACCESS]
    if unlisted:
        yield StatusWarning(
            Reason.OIDC_SCOPE_UNLISTED,
            f"the provider at {oidc.endpoint} does not list {quoted_names(unlisted)} in `scopes_supported`, and may "
            f"refuse every login with 'invalid_scope': remove it from `{_FIELD}.scopes`, unless a login with it works",
        )


def _claim_warnings(oidc: Oidc, metadata: ProviderMetadata) -> Iterator[StatusWarning]:
    if metadata.claims is None:
        return
    # Some providers, Dex among them, list no claim that a scope of the same name brings.
    known = metadata.claims | set(oidc.scopes)
    for field, claim, effect in (
        ("userClaim", oidc.user_claim, "users get the name in the claim 'name' instead"),
        ("groupsClaim", oidc.groups_claim, "users have no groups, and so no rights that come from groups"),
    ):
        if claim and claim not in known:
            yield StatusWarning(
                Reason.OIDC_CLAIM_UNLISTED,
                f"the provider at {oidc.endpoint} lists no claim '{claim}' (`{_FIELD}.{field}`) in `claims_supported`; "
                f"if it sends none, {effect}: correct the field, or let the provider send the claim",
            )


def _refresh_warnings(oidc: Oidc, metadata: ProviderMetadata) -> Iterator[StatusWarning]:
    if "refresh_token" not in metadata.grant_types:
        yield StatusWarning(
            Reason.OIDC_NO_REFRESH_TOKEN,
            f"the provider at {oidc.endpoint} issues no refresh tokens (`grant_types_supported` lacks "
            f"'refresh_token'): {_SYMPTOM}. Enable refresh tokens for Harbor's client at the provider, and "
            f"{_AUTOMATION}",
        )
    elif OFFLINE_ACCESS not in oidc.scopes and OFFLINE_ACCESS in (metadata.scopes or ()):
        yield StatusWarning(
            Reason.OIDC_NO_REFRESH_TOKEN,
            f"Harbor gets no refresh token from {oidc.endpoint} without the scope '{OFFLINE_ACCESS}': {_SYMPTOM}. "
            f"Add '{OFFLINE_ACCESS}' to `{_FIELD}.scopes`, and {_AUTOMATION}",
        )


def _is_google(oidc: Oidc) -> bool:
    return oidc.endpoint.rstrip("/") == _GOOGLE


def explain_no_provider_answer(url: str, detail: str) -> Unknown:
    """Returns that the provider does not answer; `detail` is the error."""
    return Unknown(
        Reason.OIDC_UNREACHABLE,
        f"the provider at `{_FIELD}.endpoint` ({url}) cannot be reached from the operator: {detail}; check the host, "
        "DNS and the network policies; the operator retries",
    )


def explain_no_provider(url: str, detail: str) -> Blocked:
    """Returns what an answer means that no OpenID provider gives; `detail` completes "GET ... answers ..."."""
    return Blocked(
        Reason.OIDC_ENDPOINT_INVALID,
        f"`{_FIELD}.endpoint` ({url}) is not the issuer URL of an OpenID provider: {DISCOVERY_PATH} below it answers "
        f"{detail}; check the URL: it is the text before '/.well-known' in the address of your provider's discovery "
        "document",
    )


def explain_untrusted_provider(url: str, detail: str) -> Blocked:
    """Returns that the certificate of the provider is not trusted; `detail` is OpenSSL's text."""
    return Blocked(
        Reason.CERTIFICATE_UNTRUSTED,
        f"the certificate of the provider at `{_FIELD}.endpoint` ({url}) is not trusted ({detail}): name the Secret "
        f"with its CA in `{_FIELD}.caSecretRef`",
    )


def explain_invalid_provider_ca() -> Blocked:
    """Returns that the CA bundle of the provider holds no certificate."""
    message = f"the Secret named by `{_FIELD}.caSecretRef` contains no PEM certificate under its key: put the CA there"
    return Blocked(Reason.SECRET_INVALID, message)


def check_harbors_view(oidc: Oidc, *, accepted: bool) -> Blocked | None:
    """Returns that Harbor itself cannot use the provider, which the operator can, or None."""
    if accepted:
        return None
    return Blocked(
        Reason.OIDC_UNUSABLE_BY_HARBOR,
        f"the operator reads the provider at `{_FIELD}.endpoint` ({oidc.endpoint}), but Harbor cannot: its core pods "
        f"need DNS and network access to it (network policies, proxies) and its CA. The operator passes on the CA of "
        f"`{_FIELD}.caSecretRef` if it installs Harbor; add it to another Harbor yourself. The log of core has the "
        "error",
    )
