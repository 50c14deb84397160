"""Make the schemas of a task's fields from their table: `python -m tests.module.schemas`.

The other members of these files (titles, examples, other definitions) stay as they are.
"""

from __future__ import annotations

import json
from typing import Any

from tests.module.actions_doc import ACTIONS, ROOT, load

from imapsync_tasks import reports, rules
from imapsync_tasks.sources import FIELDS as SOURCE_FIELDS
from imapsync_tasks.sources import SECRETS
from imapsync_tasks.task import DEFAULTS, FIELDS, OF_SOURCE

DEFINITIONS = ROOT / "imageroot" / "validator-definitions.json"
CREATE = ACTIONS / "create-task" / "validate-input.json"
LIST = ACTIONS / "list-tasks" / "validate-output.json"
PASSWORD = "Password for the remote IMAP server, without NUL and line ends; empty keeps the stored one"
#: What a task with a source need not have.
FROM_SOURCE = {*OF_SOURCE, "remotepassword"}
SET_SOURCE = ACTIONS / "set-source" / "validate-input.json"
LMTP_PORT = "Port of the Mail instance's LMTP, for tasks that deliver by it"
PARALLEL = "How many tasks of this instance run at the same time; the others wait in turn"

WORDS = ROOT / "imageroot" / "pypkg" / "imapsync_tasks" / "words.json"


def rendered() -> dict[Any, str]:
    """Give path -> content of each file."""
    documents = {
        DEFINITIONS: definitions(load(DEFINITIONS)),
        CREATE: create_input(load(CREATE)),
        LIST: list_output(load(LIST)),
        SET_SOURCE: source_input(load(SET_SOURCE)),
        WORDS: {language: words(language) for language in reports.LANGUAGES},
    }
    return {
        path: json.dumps(document, indent=2, ensure_ascii=True) + "\n" for path, document in documents.items()
    }


def words(language: str) -> dict[str, Any]:
    """Give the words of a project's report that the page and the engine's report say, too."""
    page = load(ROOT / "ui" / "public" / "i18n" / language / "translation.json")
    engine = load(ROOT / "src" / "imapsync" / "report" / "page" / f"{language}.json")
    own = {
        name.removeprefix("reason_"): {"text": text, "remedy": page["projects"][f"remedy_{name[7:]}"]}
        for name, text in page["projects"].items()
        if name.startswith("reason_")
    }
    return {
        "outcomes": page["outcome"] | own,
        "failures": page["failure"],
        **{
            group: {
                name.removeprefix(prefix): text
                for name, text in page["projects"].items()
                if name.startswith(prefix)
            }
            for group, prefix in (("stages", "stage_"), ("states", "state_"), ("methods", "method_"))
        },
        **{group: engine[group] for group in ("kinds", "kind_remedies", "skips")},
    }


def definitions(document: dict[str, Any]) -> dict[str, Any]:
    """Give the shared definitions with a task's fields made anew."""
    rows = {name: (field.rule, field.meaning, field.column) for name, field in FIELDS.items()}
    rows |= {
        "remotepassword": (rules.PASSWORD, PASSWORD, "password"),
        "max_parallel": (rules.PARALLEL, PARALLEL, 4),
        "lmtp_port": (rules.PORT, LMTP_PORT, 24),
    }
    found = document["definitions"]
    for name, (rule, meaning, default) in rows.items():
        schema = rule.schema()
        made = {"type": schema.pop("type"), "description": meaning, **schema}
        found[name] = made | {"examples": found.get(name, {}).get("examples", [default])}
    return document


def create_input(document: dict[str, Any]) -> dict[str, Any]:
    """Give create-task's input: every field, required unless it has a default."""
    address = load(DEFINITIONS)["$id"]
    names = [*FIELDS, "remotepassword"]
    needed = [name for name in names if name not in DEFAULTS]
    document["required"] = [name for name in needed if name not in FROM_SOURCE]
    document["if"] = {"properties": {"source": {"minLength": 1}}, "required": ["source"]}
    document["else"] = {"required": [name for name in needed if name in FROM_SOURCE]}
    document["properties"] = {name: {"$ref": f"{address}#/definitions/{name}"} for name in names}
    return document


def source_input(document: dict[str, Any]) -> dict[str, Any]:
    """Give set-source's input: every field and secret of a source."""
    rows = {name: (field.rule, field.meaning) for name, field in SOURCE_FIELDS.items()} | SECRETS
    document["properties"] = {}
    for name, (rule, meaning) in rows.items():
        schema = rule.schema()
        document["properties"][name] = {"type": schema.pop("type"), "description": meaning, **schema}
    return document


def list_output(document: dict[str, Any]) -> dict[str, Any]:
    """Give list-tasks' output: every field; what is shown otherwise than create-task takes it stays."""
    item = document["properties"]["user_properties"]["items"]
    for name, field in FIELDS.items():
        shown = {"type": field.rule.schema()["type"], "description": field.meaning.partition(":")[0]}
        item["properties"].setdefault(name, shown)
        if name not in item["required"]:
            item["required"].append(name)
    return document


if __name__ == "__main__":
    for target, content in rendered().items():
        target.write_text(content)
