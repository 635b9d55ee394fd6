"""Reasons of the section `spec.authentication`, a part of the condition Configured."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

PROBLEMS: Mapping[Reason, Problem] = {
    Reason.AUTH_MODE_LOCKED: Problem(
        "Users still log in with passwords of Harbor, and the spec wants OIDC or LDAP.",
        "Harbor changes `auth_mode` only while it has no users besides `admin`.",
        "Look at the users under Administration, Users. Deleting a user removes their project memberships and CLI "
        "secret; projects, images and robot accounts stay. If that is acceptable, delete the users, and add the new "
        "ones to their projects after their first login. Otherwise remove `spec.authentication`.",
    ),
    Reason.OIDC_UNREACHABLE: Problem(
        "The operator gets no answer from the OpenID provider. Nothing in Harbor was changed.",
        "The provider is down or overloaded, or DNS, a proxy or a network policy keeps the operator away from it.",
        "Run `curl -i ENDPOINT/.well-known/openid-configuration` in a pod of the operator's namespace. The operator "
        "retries with increasing back-off.",
    ),
    Reason.OIDC_ENDPOINT_INVALID: Problem(
        "`spec.authentication.oidc.endpoint` does not answer with a discovery document. Nothing in Harbor was changed.",
        "The URL is a login page or lacks a part of its path (Keycloak: `/realms/NAME`, Authentik: "
        "`/application/o/NAME/`), or it redirects.",
        "Set the endpoint to the issuer URL of the provider: the text before `/.well-known/openid-configuration`.",
    ),
    Reason.OIDC_ISSUER_MISMATCH: Problem(
        "The provider names another issuer than `spec.authentication.oidc.endpoint`. Nothing in Harbor was changed.",
        "A slash at the end, another host name, or a proxy that hides the scheme from the provider. Harbor compares "
        "the texts and would refuse every login.",
        "Set the endpoint to the issuer in the message, if that is your provider. Otherwise correct the provider's own "
        "external URL.",
    ),
    Reason.OIDC_UNUSABLE_BY_HARBOR: Problem(
        "The operator reads the provider, and Harbor cannot.",
        "Core's pods lack network access, DNS or a proxy, or they do not trust the CA of the provider.",
        "Read the log of core. Name the CA in `spec.authentication.oidc.caSecretRef`; if the operator does not install "
        "this Harbor, add it to Harbor's own CA bundle. Allow core to connect to the provider.",
    ),
    Reason.OIDC_SCOPE_UNLISTED: Problem(
        "`status.warnings` names a scope. Every login may fail with `invalid_scope`.",
        "The provider does not list the scope in its discovery document. It may accept it all the same.",
        "Remove the scope from `spec.authentication.oidc.scopes`, or ignore the warning if a login works.",
    ),
    Reason.OIDC_CLAIM_UNLISTED: Problem(
        "`status.warnings` names a claim. Users may have another name than expected, or no groups.",
        "The provider does not list the claim in its discovery document. It may send it all the same.",
        "Correct `userClaim` or `groupsClaim`, or let the provider send the claim. Ignore the warning if a user has "
        "the expected name and groups.",
    ),
    Reason.OIDC_NO_REFRESH_TOKEN: Problem(
        "`docker login` with a CLI secret works for some time and then fails, until the user has logged in to Harbor "
        "with a browser again. `status.warnings` says so in advance.",
        "A CLI secret is valid as long as Harbor can renew the user's ID token. Harbor gets no refresh token for that: "
        "the provider issues none, or the scope `offline_access` is missing.",
        "Enable refresh tokens for Harbor's client at the provider (Dex: the grant type and a connector that "
        "refreshes), and add `offline_access` to `spec.authentication.oidc.scopes`. Each user must log in once more "
        "afterwards. Use robot accounts for automation.",
    ),
    Reason.LDAP_UNREACHABLE: Problem(
        "Harbor cannot connect to the LDAP server. Nothing in Harbor was changed.",
        "The host or port is wrong, a network policy is in the way, or core does not trust the certificate: Harbor has "
        "one error for all of them.",
        "Correct `spec.authentication.ldap.url`. For ldaps://, name the CA in `spec.authentication.ldap.caSecretRef`; "
        "if the operator does not install this Harbor, add it to Harbor's own CA bundle. The operator retries.",
    ),
    Reason.LDAP_CREDENTIALS_REJECTED: Problem(
        "The LDAP server rejects the account that searches. Nothing in Harbor was changed.",
        "The DN or the password is wrong, or the account has expired.",
        "Correct `spec.authentication.ldap.searchDN`, or the password in the Secret that the message names.",
    ),
    Reason.LDAP_SEARCH_FAILED: Problem(
        "Harbor logs in to the LDAP server and cannot search it.",
        "The base DN does not exist, the account has no right to read it, or the filter is not valid. Harbor "
        "can search only with settings that it has, so they are written already; the mode is not switched.",
        "Correct `baseDN` or `filter` in `spec.authentication.ldap`, or give the account the right to read.",
    ),
}
