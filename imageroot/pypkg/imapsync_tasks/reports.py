"""get-report: a file for the customer, of one mailbox or of a project."""

from __future__ import annotations

from typing import Final

from imapsync_tasks import container, projectfacts, projectreport, rules, steps
from imapsync_tasks.errors import Json, NoSuchTaskError, Refusal, RefusedError

MEDIA_TYPES: Final = {"html": "text/html", "csv": "text/csv", "json": "application/json"}
LANGUAGES: Final = ("en", "it")


def get_report(request: Json) -> Json:
    """Give the file of a task, by `localuser` and `task_id`, or of a `project`."""
    kind = rules.Choice(tuple(MEDIA_TYPES)).of(request, "format", "html")
    language = rules.Choice(LANGUAGES).of(request, "language", "en")
    if ("project" in request) == ("localuser" in request):
        raise RefusedError(Refusal("invalid_value", "project"))
    if "project" in request:
        name = rules.SOURCE.of(request, "project")
        facts = projectfacts.facts(name)
        content = projectreport.written(facts, kind, language, subjects=request.get("subjects") is True)
    else:
        name, content = _of_task(request, kind, language)
    return {"file_name": f"{name}.{kind}", "media_type": MEDIA_TYPES[kind], "content": content}


def _of_task(request: Json, kind: str, language: str) -> tuple[str, str]:
    try:
        name = steps.store().named(request)
    except NoSuchTaskError:
        raise RefusedError(Refusal("report_not_found")) from None
    asked: Json = {
        "task": name,
        "format": kind,
        "language": language,
        "subjects": request.get("subjects") is True,
    }
    return name, str(container.ask("report", asked)["content"])
