"""CEL rules of `spec.storage.driver`, from the table of drivers."""

from __future__ import annotations

from harbor_operator.api.rule import Rule
from harbor_operator.api.storage_driver import (
    AZURE_NAMES,
    AZURE_NAMES_MESSAGE,
    DELETION_MESSAGE,
    DRIVERS,
    GCS_LOGIN_MESSAGE,
    LOCATION,
    METHODS_MESSAGE,
    METHODS_PATTERN,
    NEEDS_SECRET,
    NUMBER_PATTERN,
    RELEASE_MESSAGE,
    TEMP_URL_METHODS,
    WORKLOAD_IDENTITY,
    WORKLOAD_IDENTITY_MESSAGE,
    DriverName,
    number_message,
    parameters_message,
    secret_message,
)


def _names(parameters: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{parameter}'" for parameter in parameters) + "]"


def _parameters(name: DriverName) -> Rule:
    support = DRIVERS[name]
    return Rule(
        f"self.name != '{name}'"
        f" || self.parameters.all(key, key in {_names(support.parameters)})"
        f" && {_names(support.required)}.all(key, key in self.parameters)",
        parameters_message(name),
    )


def _number(name: DriverName, parameter: str) -> Rule:
    number, value = DRIVERS[name].numbers[parameter], f"self.parameters['{parameter}']"
    steps = f" && int({value}) % {number.step} == 0" if number.step > 1 else ""
    return Rule(
        f"self.name != '{name}' || !('{parameter}' in self.parameters)"
        f" || {value}.matches('{NUMBER_PATTERN}') && int({value}) >= {number.minimum}{steps}",
        number_message(name, parameter),
    )


def _azure_name(parameter: str) -> str:
    return (
        f"(!('{parameter}' in self.parameters) || self.parameters['{parameter}'].matches('{AZURE_NAMES[parameter]}'))"
    )


RULES: tuple[Rule, ...] = (
    Rule("self.name == oldSelf.name", "`name` is immutable: another driver does not find the images"),
    Rule(
        f"{_names(LOCATION)}.all(key, (key in self.parameters ? self.parameters[key] : '')"
        " == (key in oldSelf.parameters ? oldSelf.parameters[key] : ''))",
        f"{', '.join(f'`{parameter}`' for parameter in LOCATION)} are immutable: they say where the images are",
    ),
    *(_parameters(name) for name in DriverName),
    *(_number(name, parameter) for name in DriverName for parameter in DRIVERS[name].numbers),
    Rule(f"self.name != 'azure' || {' && '.join(map(_azure_name, AZURE_NAMES))}", AZURE_NAMES_MESSAGE),
    Rule(
        f"!('{TEMP_URL_METHODS}' in self.parameters)"
        f" || self.parameters['{TEMP_URL_METHODS}'].matches('{METHODS_PATTERN}')",
        METHODS_MESSAGE,
    ),
    Rule(
        f"!('{WORKLOAD_IDENTITY}' in self.parameters) || self.parameters['{WORKLOAD_IDENTITY}'] in ['true', 'false']",
        WORKLOAD_IDENTITY_MESSAGE,
    ),
    Rule(
        "self.name != 'gcs' || has(self.secretRef) != "
        f"('{WORKLOAD_IDENTITY}' in self.parameters && self.parameters['{WORKLOAD_IDENTITY}'] == 'true')",
        GCS_LOGIN_MESSAGE,
    ),
    *(Rule(f"self.name != '{name}' || has(self.secretRef)", secret_message(name)) for name in NEEDS_SECRET),
)
_HAS_DRIVER = "has(self.storage) && has(self.storage.driver)"
RELEASE_RULE = Rule(f"!({_HAS_DRIVER}) || has(self.release)", RELEASE_MESSAGE)
DELETION_RULE = Rule(
    f"!({_HAS_DRIVER}) || !has(self.deletionPolicy) || !has(self.deletionPolicy.storage)"
    " || self.deletionPolicy.storage == 'Retain'",
    DELETION_MESSAGE,
)
