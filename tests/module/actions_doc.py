"""Make docs/actions.md from the schemas and the error table: `python -m tests.module.actions_doc`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from imapsync_tasks.diagnosis import BY_TOKEN
from imapsync_tasks.errors import ERRORS, EXISTING_SPELLING

ROOT = Path(__file__).parents[2]
ACTIONS = ROOT / "imageroot" / "actions"
PAGE = ROOT / "docs" / "actions.md"

LOGIN = [
    "bad_user_credentials",
    "check_hostname_or_tcp_port",
    "host_not_allowed",
    "ssl_encryption_error",
    "starttls_not_allowed_use_imaps",
    "encryption_required",
    "certificate_changed",
    "certificate_untrusted",
    "validation_failed",
]
LOCAL = [
    "mailbox_not_found",
    "mail_server_unreachable",
    "master_password_refused",
    "not_configured",
    "service_not_running",
]
SOURCE = ["source_not_found", *BY_TOKEN]
FORM = ["invalid_value"]

#: action -> the errors its steps can give beyond the schema's own.
ACTION_ERRORS: dict[str, list[str]] = {
    "audit-project": [*FORM, "project_not_found", "service_not_running"],
    "check-csv-tasks": [],
    "configure-module": ["mail_server_is_not_valid", *FORM],
    "create-task": [
        *FORM,
        "task_id_taken",
        "invalid_exclude",
        "invalid_schedule",
        "password_required",
        *LOGIN,
        "project_not_found",
        *SOURCE,
        *LOCAL,
        "state_not_writable",
    ],
    "delete-project": [*FORM, "project_in_use", "state_not_writable"],
    "delete-source": [*FORM, "source_in_use", "state_not_writable"],
    "delete-task": [*FORM, "task_still_running", "state_not_writable"],
    "get-configuration": [],
    "get-facts": [],
    "get-import": [],
    "get-log": FORM,
    "get-notices": [],
    "get-project": [*FORM, "project_not_found"],
    "get-report": [*FORM, "project_not_found", "report_not_found", "service_not_running"],
    "get-statistics": [],
    "get-task-counts": [],
    "get-tasks-run": [],
    "import-csv-tasks": ["invalid_csv", "invalid_value"],
    "list-changes": [],
    "list-failures": FORM,
    "list-informations": [],
    "list-mailboxes": [],
    "list-projects": [],
    "list-remote-folders": [*FORM, "password_required", *LOGIN, "service_not_running"],
    "list-sources": [],
    "list-tasks": [],
    "pause-schedules": [],
    "recognize-source": [*FORM, "service_not_running"],
    "resume-schedules": [],
    "run-tasks": [
        *FORM,
        "selection_changed",
        "invalid_schedule",
        "source_not_found",
        "task_unreadable",
        "task_changed",
        "not_configured",
        "state_not_writable",
    ],
    "set-notices": [*FORM, "value_required", "smarthost_missing", "mail_not_sent", "state_not_writable"],
    "set-project": [*FORM, "invalid_schedule", "state_not_writable"],
    "set-source": [*FORM, "value_required", "secret_required", "source_in_use", "state_not_writable"],
    "sign-in": [*FORM, "source_not_found", "sign_in_not_needed", "service_not_running"],
    "start-all-tasks": ["not_configured", "service_not_running"],
    "start-task": [*FORM, "task_not_found", "not_configured", "service_not_running"],
    "stop-all-tasks": [],
    "stop-task": FORM,
    "test-source": [*FORM, "source_not_found", "password_required", "service_not_running"],
    "test-remote": [*FORM, "password_required", "service_not_running"],
}

HEAD = """# Actions

Generated from `imageroot/actions/*/validate-*.json`, `imageroot/validator-definitions.json` and
`imapsync_tasks.errors` by `python -m tests.module.actions_doc`; a test compares this page with them.

Call an action with `api-cli run module/imapsync1/<action> --data '<json>'`. Input that breaks its schema
ends with exit code 10 and an answer made by NS8 itself (`[{"field", "parameter", "value", "error"}]`,
`error` = `<field>_<rule>`, for example `remoteport_number_lte`; a missing field is `(root)_required`). What
an action refuses on its own has the same form, status `validation-failed` and the keys below. `value` is
never a password. Where the existing module has a refusal of its own for what create-task refuses, that comes
last: field and parameter `createTask`, value `error`, the spelling of the last column. The element of a
certificate error has the certificate as `value`; `invalid_schedule` has
the nearest valid schedules in `choices`.

## Errors

| error | exit code | field | meaning | existing module |
|---|---|---|---|---|
"""


def load(path: Path) -> dict[str, Any]:
    """Read one schema."""
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def resolve(member: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow the reference of a member into the shared definitions."""
    reference = member.get("$ref")
    return definitions[reference.rsplit("/", 1)[1]] if reference else member


def rule(member: dict[str, Any]) -> str:
    """Give what a member may hold, for people."""
    kind = member.get("type", "")
    words = [" or ".join(kind) if isinstance(kind, list) else str(kind)]
    if "enum" in member:
        words.append("one of " + ", ".join(f"`{json.dumps(value)}`" for value in member["enum"]))
    if "pattern" in member:
        words.append(f"pattern {code(member['pattern'])}")
    if "minimum" in member or "maximum" in member:
        words.append(f"{member.get('minimum', '')}-{member.get('maximum', '')}")
    if member.get("minLength"):
        words.append("not empty")
    if "maxLength" in member:
        words.append(f"at most {member['maxLength']} characters")
    return ", ".join(words)


def code(pattern: str) -> str:
    """Show a pattern in a table cell."""
    shown = pattern.encode("ascii", "backslashreplace").decode().replace("|", "\\|")
    return f"`{shown}`"


def members(schema: dict[str, Any], definitions: dict[str, Any], before: str = "") -> list[str]:
    """Give the table rows of an object's members, and of theirs; `before` is what their names begin with."""
    required = schema.get("required", [])
    rows = []
    for key, raw in schema.get("properties", {}).items():
        name = before + key
        member = resolve(raw, definitions)
        needed = "yes" if key in required else "no"
        rows.append(f"| `{name}` | {needed} | {rule(member)} | {member.get('description', '')} |")
        inner = member.get("items", member) if isinstance(member.get("items", {}), dict) else {}
        rows += members(inner, definitions, f"{name}[]." if "items" in member else f"{name}.")
    return rows


def section(action: str, definitions: dict[str, Any]) -> str:
    """Give the text about one action."""
    given = load(ACTIONS / action / "validate-input.json")
    answer = load(ACTIONS / action / "validate-output.json")
    lines = [f"## {action}", "", given["description"], ""]
    rows = members(given, definitions)
    if rows:
        lines += ["| input | required | form | meaning |", "|---|---|---|---|", *rows, ""]
    else:
        lines += ["No input.", ""]
    lines += [
        f"Output: {answer['description']}.",
        "",
        "| output | always | form | meaning |",
        "|---|---|---|---|",
    ]
    lines += [*members(answer, definitions), ""]
    keys = ACTION_ERRORS[action]
    shown = ", ".join(f"`{key}` ({ERRORS[key].exit_code})" for key in keys)
    schema_rules = bool(given.get("properties")) or "additionalProperties" in given
    lines += [
        f"Errors (exit code): {shown + ', ' if shown else ''}{'schema (10)' if schema_rules else ''}.",
        "",
    ]
    data = given["examples"][0]
    option = f" --data '{json.dumps(data)}'" if data else ""
    lines += ["```sh", f"api-cli run module/imapsync1/{action}{option}", "```", ""]
    lines += ["```json", json.dumps(answer["examples"][0], indent=2), "```", ""]
    return "\n".join(lines)


def render() -> str:
    """Give the whole page."""
    definitions = load(ROOT / "imageroot" / "validator-definitions.json")["definitions"]
    rows = [
        f"| `{key}` | {kind.exit_code} | `{kind.field}` | {kind.text} | {EXISTING_SPELLING.get(key, '')} |"
        for key, kind in ERRORS.items()
    ]
    names = sorted(path.parent.name for path in ACTIONS.glob("*/validate-input.json"))
    return HEAD + "\n".join(rows) + "\n\n" + "\n".join(section(name, definitions) for name in names)


if __name__ == "__main__":
    PAGE.write_text(render())
    sys.stdout.write(f"{PAGE}\n")
