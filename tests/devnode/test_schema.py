"""Validation errors as gojsonschema 1.2.0 names them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from devnode.agentd import formats, patterns, schema

if TYPE_CHECKING:
    from pathlib import Path

    from devnode.agentd.masking import Json


def errors_of(tmp_path: Path, rules: dict[str, Any], document: Json) -> list[tuple[str, str, str, Any]]:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(rules))
    found = schema.validate(path, tmp_path / "validator-definitions.json", document)
    elements = [finding.element() for finding in found]
    return [(str(e["field"]), str(e["parameter"]), str(e["error"]), e["value"]) for e in elements]


@pytest.mark.parametrize(
    ("rules", "value", "kind"),
    [
        ({"type": "string"}, 1, "invalid_type"),
        ({"type": "integer"}, True, "invalid_type"),
        ({"minimum": 2}, 1, "number_gte"),
        ({"maximum": 2}, 3, "number_lte"),
        ({"exclusiveMinimum": 2}, 2, "number_gt"),
        ({"minLength": 2}, "a", "string_gte"),
        ({"maxLength": 1}, "ab", "string_lte"),
        ({"pattern": "^a$"}, "b", "pattern"),
        ({"format": "hostname"}, "a_b", "format"),
        ({"enum": ["a"]}, "b", "enum"),
        ({"const": 1}, 2, "const"),
        ({"uniqueItems": True}, [1, 1], "unique"),
        ({"minItems": 1}, [], "array_min_items"),
        ({"maxItems": 0}, [1], "array_max_items"),
    ],
)
def test_rule_names(tmp_path: Path, rules: dict[str, Any], value: Json, kind: str) -> None:
    found = errors_of(tmp_path, {"properties": {"p": rules}}, {"p": value})
    assert found == [("p", "p", f"p_{kind}", value)]


def test_missing_and_extra_properties_are_reported_on_their_object(tmp_path: Path) -> None:
    rules = {
        "type": "object",
        "required": ["a", "b"],
        "additionalProperties": False,
        "properties": {"a": {}, "b": {}, "c": {"required": ["d"]}},
    }
    found = errors_of(tmp_path, rules, {"x": 1, "y": 2, "c": {}})
    whole = {"x": 1, "y": 2, "c": {}}
    assert sorted(found, key=str) == sorted(
        [
            ("(root)", "(root)", "(root)_required", whole),
            ("(root)", "(root)", "(root)_required", whole),
            ("(root)", "(root)", "(root)_additional_property_not_allowed", 1),
            ("(root)", "(root)", "(root)_additional_property_not_allowed", 2),
            ("c", "c", "c_required", {}),
        ],
        key=str,
    )


def test_nested_fields_are_dotted(tmp_path: Path) -> None:
    rules = {"properties": {"e": {"items": {"properties": {"d": {"type": "string"}}}}}}
    assert errors_of(tmp_path, rules, {"e": [{}, {"d": 1}]}) == [("e.1.d", "e", "e_invalid_type", 1)]


def test_wrong_type_hides_the_other_rules_of_the_value(tmp_path: Path) -> None:
    rules = {"properties": {"p": {"type": "string", "enum": ["a"], "minLength": 1}}}
    assert errors_of(tmp_path, rules, {"p": 1}) == [("p", "p", "p_invalid_type", 1)]


def test_alternatives_report_themselves_and_the_closest_one(tmp_path: Path) -> None:
    rules = {"properties": {"p": {"anyOf": [{"type": "string", "minLength": 3}, {"type": "integer"}]}}}
    found = errors_of(tmp_path, rules, {"p": "ab"})
    assert found[0][2] == "p_number_any_of"
    assert len(found) == 2


def test_idn_hostname_never_fails(tmp_path: Path) -> None:
    rules = {"properties": {"p": {"type": "string", "format": "idn-hostname"}}}
    for value in ("", "a\nb", "x" * 5000, "../.."):
        assert errors_of(tmp_path, rules, {"p": value}) == []


def test_one_point_zero_is_an_integer(tmp_path: Path) -> None:
    assert errors_of(tmp_path, {"type": "integer"}, 1.0) == []


def test_definitions_of_the_module_are_found_by_id(tmp_path: Path) -> None:
    shared = {"$id": "http://schema.nethserver.org/probe.json", "$defs": {"id": {"pattern": "^[a-z]+$"}}}
    (tmp_path / "validator-definitions.json").write_text(json.dumps(shared))
    rules = {"properties": {"p": {"$ref": "http://schema.nethserver.org/probe.json#/$defs/id"}}}
    assert errors_of(tmp_path, rules, {"p": "ab"}) == []
    assert errors_of(tmp_path, rules, {"p": "A"}) == [("p", "p", "p_pattern", "A")]


@pytest.mark.parametrize(
    "rules",
    [
        {"pattern": "(?!x)"},
        {"pattern": "(?<=x)y"},
        {"pattern": r"(a)\1"},
        {"pattern": "^.{1,2000}$"},
        {"patternProperties": {"(": {}}},
        {"type": "nonsense"},
        {"$ref": "http://schema.nethserver.org/missing.json"},
    ],
)
def test_what_a_node_cannot_compile_is_refused_here_too(tmp_path: Path, rules: dict[str, Any]) -> None:
    with pytest.raises(schema.UnusableSchemaError):
        errors_of(tmp_path, {"properties": {"p": rules}}, {"p": "x"})


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("^a$", "a", True),
        ("^a$", "a\n", False),
        (r"^a\z", "a", True),
        (r"^[$]+$", "$$", True),
        (r"^\$$", "$", True),
        (r"^\w$", "é", False),
        (r"^\d$", "٣", False),
        (r"^[^\n$]*$", "ab", True),
    ],
)
def test_patterns_mean_what_they_mean_on_a_node(pattern: str, text: str, *, expected: bool) -> None:
    assert bool(patterns.compiled(pattern).search(text)) is expected


@pytest.mark.parametrize("name", ["a", "10.5.4.1", "imap.example.org", "x" * 63, "a-b"])
def test_hostnames_accepted(name: str) -> None:
    assert formats.hostname(name)


@pytest.mark.parametrize("name", ["", "a_b", "a.", "fe80::1", "münchen.de", "a\n", "-a", "x" * 64, "a..b"])
def test_hostnames_refused(name: str) -> None:
    assert not formats.hostname(name)


@pytest.mark.parametrize(
    ("text", "good"), [("a@b.c", True), ("A <a@b.c>", True), ("a", False), ("a@b\n", False)]
)
def test_mail_addresses(text: str, *, good: bool) -> None:
    assert formats.mail_address(text) is good
