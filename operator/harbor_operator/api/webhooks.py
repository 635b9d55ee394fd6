"""The webhooks of a project."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from harbor_operator.api.addresses import SPACE
from harbor_operator.api.base import Model, SecretKey, SecretRef

WebhookEvent = Annotated[str, Field(max_length=64, pattern=r"^[A-Z][A-Z_]*$")]

PAYLOAD_MESSAGE = "`payloadFormat` is for type 'http' only"


class WebhookType(StrEnum):
    """What a webhook speaks; Harbor's words."""

    HTTP = "http"
    SLACK = "slack"


class PayloadFormat(StrEnum):
    """The format of the body of a webhook; Harbor's words."""

    DEFAULT = "Default"
    CLOUD_EVENTS = "CloudEvents"


class AuthHeaderRef(SecretRef):
    """Reference to a key of a Secret with the value of an `Authorization` header."""

    key: SecretKey = Field(
        default="authorization", description="Key of the Secret whose value is the header, for example `Bearer ...`."
    )


class Webhook(Model):
    """A request that Harbor sends when something happens in the project."""

    name: Annotated[str, Field(min_length=1, max_length=255)] = Field(description="Name of the webhook in Harbor.")
    address: Annotated[str, Field(max_length=1024, pattern=rf"^https?://[^@?#{SPACE}]+$")] = Field(
        description="URL that receives the requests, without a login and without a query."
    )
    events: Annotated[list[WebhookEvent], Field(min_length=1, max_length=32)] = Field(
        description="Events in the words of Harbor's API, for example `PUSH_ARTIFACT`, `DELETE_ARTIFACT`, "
        "`SCANNING_COMPLETED` or `QUOTA_EXCEED`."
    )
    type: WebhookType = Field(default=WebhookType.HTTP, description="What the receiver speaks.")
    payload_format: PayloadFormat = Field(
        default=PayloadFormat.DEFAULT,
        description="Format of the body, for type http; CloudEvents: Harbor 2.8 or newer.",
    )
    auth_header_secret_ref: AuthHeaderRef | None = Field(
        default=None, description="Value of the `Authorization` header of each request; absent = none."
    )
    insecure: bool = Field(default=False, description="Whether Harbor accepts any certificate of the receiver.")
    enabled: bool = Field(default=True, description="Whether Harbor sends the requests.")

    @model_validator(mode="after")
    def _format_has_a_body(self) -> Webhook:
        if self.type is not WebhookType.HTTP and self.payload_format is not PayloadFormat.DEFAULT:
            raise ValueError(PAYLOAD_MESSAGE)
        return self
