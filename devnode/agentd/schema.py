"""JSON-Schema validation with the error objects of a node (gojsonschema 1.2.0, NS8)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT7

from . import formats, patterns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .masking import Json

ROOT = "(root)"


class UnusableSchemaError(Exception):
    """A schema that cannot be read or compiled: the action is aborted."""


@dataclass(frozen=True)
class Finding:
    """One violation. `field` is a dotted path, `kind` the name that gojsonschema gives to the rule."""

    field: str
    kind: str
    value: Json
    text: str

    def element(self) -> dict[str, Json]:
        """Give the object that the caller of the action receives."""
        parameter = self.field.split(".", 1)[0]
        return {
            "parameter": parameter,
            "error": f"{parameter}_{self.kind}",
            "value": self.value,
            "field": self.field,
        }


def summary(findings: list[Finding]) -> str:
    """Give the sentence that goes into the task's error text."""
    return "Validation errors: [" + " ".join(f"{item.field}: {item.text}" for item in findings) + "]"


def validate(path: Path, definitions: Path, document: Json) -> list[Finding]:
    """Check the document; an empty list means valid. UnusableSchemaError when the schema itself is at fault.

    definitions is the module's validator-definitions.json (may be missing): other schemas refer to its `$id`.
    """
    schema = _load(path)
    registry: Registry[Any] = Registry()
    if definitions.exists():
        shared = _load(definitions)
        registry = registry.with_resource(
            str(shared.get("$id", "")), Resource.from_contents(shared, default_specification=DRAFT7)
        )
        _check_patterns(shared)
    _check_patterns(schema)
    try:
        _Validator.check_schema(schema)
        validator = _Validator(schema, registry=registry, format_checker=_format_checker())
        return [finding for error in validator.iter_errors(document) for finding in _findings(error)]
    except (SchemaError, Unresolvable, patterns.PatternError) as error:
        raise UnusableSchemaError(f"{path}: {error}") from error


def _load(path: Path) -> dict[str, Any]:
    try:
        schema = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UnusableSchemaError(f"{path}: {error}") from error
    if not isinstance(schema, dict):
        raise UnusableSchemaError(f"{path}: not an object")
    return schema


def _check_patterns(schema: object) -> None:
    """Compile every pattern beforehand, as gojsonschema does when it reads the schema."""
    if isinstance(schema, list):
        for item in schema:
            _check_patterns(item)
    elif isinstance(schema, dict):
        wanted = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
        if isinstance(schema.get("patternProperties"), dict):
            wanted += list(schema["patternProperties"])
        for pattern in wanted:
            try:
                patterns.compiled(pattern)
            except patterns.PatternError as error:
                raise UnusableSchemaError(str(error)) from error
        for name, member in schema.items():
            if name not in {"const", "enum", "default", "examples"}:
                _check_patterns(member)


def _pattern(
    _validator: object, pattern: str, instance: object, _schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not patterns.compiled(pattern).search(instance):
        yield ValidationError("pattern")


_Validator: type[jsonschema.Draft7Validator] = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft7Validator, validators={"pattern": _pattern}
)


def _format_checker() -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=())
    for name, check in formats.CHECKS.items():
        checker.checks(name)(lambda text, check=check: not isinstance(text, str) or check(text))
    return checker


def _findings(error: ValidationError) -> Iterator[Finding]:
    field = ".".join(str(part) for part in error.absolute_path) or ROOT
    keyword = str(error.validator)
    if keyword == "additionalProperties" and error.validator_value is False:
        instance: dict[str, Json] = _known(error.instance)
        for name in _extra_properties(error):
            text = f"Additional property {name} is not allowed"
            yield Finding(field, "additional_property_not_allowed", instance[name], text)
        return
    if _hidden_by_type(error):
        return
    kind, text = _describe(keyword, error, field)
    yield Finding(field, kind, _known(error.instance), text)
    if keyword in {"anyOf", "oneOf"} and error.context:
        for child in _closest(error.context):
            yield from _findings(child)


def _closest(context: list[ValidationError]) -> list[ValidationError]:
    """Give the errors of the alternative that came nearest: the fewest errors, the first of equals."""
    alternatives: dict[object, list[ValidationError]] = {}
    for error in context:
        alternatives.setdefault(error.relative_schema_path[0], []).append(error)
    return min(alternatives.values(), key=len)


def _extra_properties(error: ValidationError) -> list[str]:
    schema: dict[str, Any] = _known(error.schema)
    instance: dict[str, Json] = _known(error.instance)
    known = set(schema.get("properties", ()))
    found = [patterns.compiled(pattern) for pattern in schema.get("patternProperties", ())]
    return [name for name in instance if name not in known and not any(item.search(name) for item in found)]


def _known(value: Any) -> Any:  # noqa: ANN401 - jsonschema types its attributes as maybe unset; in errors they are set
    return value


def _hidden_by_type(error: ValidationError) -> bool:
    """After a wrong type gojsonschema looks at no other rule of that value."""
    schema = error.schema
    if error.validator == "type" or not isinstance(schema, dict) or "type" not in schema:
        return False
    return not _Validator({"type": schema["type"]}).is_valid(error.instance)


def _type_name(value: object) -> str:
    names: dict[type, str] = {
        bool: "boolean",
        str: "string",
        list: "array",
        dict: "object",
        type(None): "null",
    }
    if type(value) in names:
        return names[type(value)]
    return "integer" if float(str(value)).is_integer() else "number"


def _describe(keyword: str, error: ValidationError, field: str) -> tuple[str, str]:
    """Give gojsonschema's name of the rule and its English sentence."""
    limit = _known(error.validator_value)
    shown = field.rsplit(".", 1)[-1] if field != ROOT else ROOT
    kind, text = _RULES.get(keyword, ("internal", error.message))
    match keyword:
        case "type":
            expected = "/".join(limit) if isinstance(limit, list) else limit
            text = f"Invalid type. Expected: {expected}, given: {_type_name(error.instance)}"
        case "required":
            missing = next(name for name in limit if error.message == f"{name!r} is a required property")
            text = f"{missing} is required"
        case "enum":
            text = f"{shown} must be one of the following: {', '.join(json.dumps(item) for item in limit)}"
        case "const":
            text = f"{shown} does not match: {json.dumps(limit)}"
        case _:
            text = text.replace("{limit}", str(limit))
    return kind, text


_RULES = {
    "type": ("invalid_type", ""),
    "required": ("required", ""),
    "enum": ("enum", ""),
    "const": ("const", ""),
    "pattern": ("pattern", "Does not match pattern '{limit}'"),
    "format": ("format", "Does not match format '{limit}'"),
    "minLength": ("string_gte", "String length must be greater than or equal to {limit}"),
    "maxLength": ("string_lte", "String length must be less than or equal to {limit}"),
    "minimum": ("number_gte", "Must be greater than or equal to {limit}"),
    "maximum": ("number_lte", "Must be less than or equal to {limit}"),
    "exclusiveMinimum": ("number_gt", "Must be greater than {limit}"),
    "exclusiveMaximum": ("number_lt", "Must be less than {limit}"),
    "multipleOf": ("multiple_of", "Must be a multiple of {limit}"),
    "anyOf": ("number_any_of", "Must validate at least one schema (anyOf)"),
    "oneOf": ("number_one_of", "Must validate one and only one schema (oneOf)"),
    "not": ("number_not", "Must not validate the schema (not)"),
    "uniqueItems": ("unique", "array items must be unique"),
    "minItems": ("array_min_items", "Array must have at least {limit} items"),
    "maxItems": ("array_max_items", "Array must have at most {limit} items"),
    "additionalItems": ("array_no_additional_items", "No additional items allowed on array"),
    "contains": ("contains", "At least one of the items must match"),
    "minProperties": ("array_min_properties", "Must have at least {limit} properties"),
    "maxProperties": ("array_max_properties", "Must have at most {limit} properties"),
    "propertyNames": ("invalid_property_name", "Property name does not match"),
    "dependencies": ("missing_dependency", "Has a missing dependency"),
    "if": ("condition_then", 'Must validate "then" as "if" was valid'),
}
