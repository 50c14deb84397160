"""Rules about the module's files: one owner of each line and path, schemas as the rules, true documents."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from referencing import Registry, Resource
from tests.module import actions_doc, schemas
from tests.module.conftest import IMAGEROOT, ROOT

from imapsync_tasks import csvtable
from imapsync_tasks.errors import ERRORS, is_secret
from imapsync_tasks.task import FIELDS, KNOWN_KEYS

if TYPE_CHECKING:
    from pathlib import Path

ACTIONS = IMAGEROOT / "actions"
DEFINITIONS: dict[str, Any] = json.loads((IMAGEROOT / "validator-definitions.json").read_text())
SCHEMAS = sorted(ACTIONS.glob("*/validate-*.json"))
REGISTRY: Registry[Any] = Registry().with_resource(DEFINITIONS["$id"], Resource.from_contents(DEFINITIONS))


def python_files() -> list[Path]:
    """Give every Python file of the module, also the steps."""
    roots = [IMAGEROOT, ROOT / "src" / "syncctl"]
    found = []
    for root in roots:
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.suffix != ".pyc":
                text = path.read_bytes()[:40]
                if path.suffix == ".py" or b"python3" in text:
                    found.append(path)
    return found


@pytest.mark.parametrize(
    ("owner", "pattern"),
    [
        (
            "paths.py",
            r"""["'.](?:env|pwd|log|lock|state|progress|report|status|trust|cron|failures)["']\)?$""",
        ),
        ("paths.py", r"\.(?:env|pwd|cron|lock|progress|log)\b[\"']"),
        ("paths.py", r"vmail\.pwd|getmail\.json"),
        ("envfile.py", r"""\{[a-z_]+\}=\{"""),
        ("schedule.py", r"\*/|CronTab|SYNCCTL_SCHEDULED"),
    ],
)
def test_one_place_builds_each_path_env_line_and_cron_line(owner: str, pattern: str) -> None:
    found = set()
    for path in python_files():
        code = re.sub(r'(""").*?\1|#.*', "", path.read_text(), flags=re.DOTALL)
        if re.search(pattern, code, re.MULTILINE):
            found.add(path.name)
    assert found <= {owner}


def test_env_keys_are_named_in_one_place() -> None:
    raw_members = {"DELETEFOLDER", "EXCLUDE", "EXPUNGE_REMOTE", "FOLDER_INBOX"}  # list-tasks: as they stand
    keys = set(KNOWN_KEYS) - raw_members
    found = {
        path.name
        for path in python_files()
        for key in keys
        if re.search(rf"[\"']{key}[\"']", path.read_text())
    }
    assert found == {"task.py", "fields.py"}


def test_the_module_does_not_import_the_engine() -> None:
    for path in python_files():
        assert not re.search(r"^\s*(?:from|import) imapsync(?:\.|\s)", path.read_text(), re.MULTILINE), path


def test_imapsync_tasks_needs_only_the_standard_library_at_import() -> None:
    lazily = re.compile(
        r"^(?:from|import) (?:agent|crontab|redis|aiohttp|requests|yaml|jinja2)", re.MULTILINE
    )
    for path in (IMAGEROOT / "pypkg" / "imapsync_tasks").glob("*.py"):
        assert not lazily.search(path.read_text()), path


def test_the_schemas_come_from_the_table_of_fields() -> None:
    """Run `python -m tests.module.schemas` when this fails."""
    assert {path: path.read_text() for path in schemas.rendered()} == schemas.rendered()


def test_csv_columns_come_from_the_table_of_fields() -> None:
    assert (
        *("localusername", "remoteusername", "remotepassword", "remotehostname", "remoteport", "security"),
    ) == csvtable.REQUIRED
    columns = {csvtable.column_of(name) for name in FIELDS} | {"remotepassword"}
    assert {*csvtable.REQUIRED, *csvtable.OPTIONAL} == columns


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_schemas_are_sound_and_their_examples_valid(path: Path) -> None:
    schema = json.loads(path.read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    kind = path.stem.removeprefix("validate-")
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["$id"] == f"http://schema.nethserver.org/imapsync/{path.parent.name}-{kind}.json"
    assert schema["title"]
    assert schema["description"]
    assert schema["additionalProperties"] is False
    validator = jsonschema.Draft7Validator(schema, registry=REGISTRY)
    for example in schema["examples"]:
        validator.validate(example)


def test_every_own_action_has_both_schemas_and_only_executable_steps() -> None:
    core = {"create-module", "destroy-module", "restore-module", "clone-module", "import-module"}
    for action in ACTIONS.iterdir():
        names = {path.name for path in action.iterdir()}
        if action.name not in core:
            assert {"validate-input.json", "validate-output.json"} <= names, action.name
        steps = [path for path in action.iterdir() if path.suffix != ".json"]
        assert steps
        assert all(os.access(path, os.X_OK) for path in steps), action.name
    for folder in ("bin", "update-module.d", "events/mail-settings-changed"):
        assert all(os.access(path, os.X_OK) for path in (IMAGEROOT / folder).iterdir()), folder


def test_secret_members_have_names_that_ns8_masks() -> None:
    for path in SCHEMAS:
        for name in re.findall(r'"(\w*(?:password|secret)\w*)"', path.read_text()):
            assert is_secret(name), (path, name)


def test_the_actions_page_is_up_to_date() -> None:
    """Run `python -m tests.module.actions_doc` when this fails."""
    assert actions_doc.PAGE.read_text() == actions_doc.render()


def test_every_error_is_documented_with_an_action_and_used() -> None:
    documented = {key for keys in actions_doc.ACTION_ERRORS.values() for key in keys}
    assert documented == set(ERRORS)
    code = "".join(
        path.read_text()
        for path in (IMAGEROOT / "pypkg" / "imapsync_tasks").glob("*.py")
        if path.name != "errors.py"
    )
    for key in ERRORS:
        assert f'"{key}"' in code, key
    assert set(actions_doc.ACTION_ERRORS) == {path.parent.name for path in SCHEMAS}
