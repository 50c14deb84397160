"""A project: mailboxes that move together, in waves. The table of its fields, and what its stages mean.

A task names its project, whose schedule stands for one of its own: so a whole wave goes on to its next
stage at once, and nothing but the project's one file says in which it is.
"""

# The annotations are the table: they must be values, not texts.

from typing import Annotated, Final, NamedTuple

from imapsync_tasks import rules
from imapsync_tasks.errors import Json, Refusal, RefusedError
from imapsync_tasks.rules import Rule


class Field(NamedTuple):
    """One field of a project."""

    rule: Rule
    meaning: str


#: Stages; `STAGES` has their order.
PREPARED: Final = "prepared"
PRE_STAGE: Final = "pre-stage"
FULL: Final = "full"
DELTA: Final = "delta"
AFTER: Final = "after"
FINAL: Final = "final"
CLOSED: Final = "closed"
STAGES: Final = (PREPARED, PRE_STAGE, FULL, DELTA, FINAL, AFTER, CLOSED)
_BY_ITSELF: Final = (PRE_STAGE, FULL, DELTA, AFTER)


class Project(NamedTuple):
    """The settings of one project."""

    project: Annotated[str, Field(rules.SOURCE, "Name of the project, as tasks give it")]
    stage: Annotated[
        str,
        Field(
            rules.Choice(STAGES),
            "prepared: nothing starts by itself; pre-stage: mail older than before_days; full: all mail; "
            "delta: what has come since; final: the last pass before the MX records change, by hand; after: "
            "what the old server still got; closed: nothing starts by itself any more",
        ),
    ] = PREPARED
    cron: Annotated[
        str,
        Field(
            rules.SCHEDULE,
            "Schedule of the project's tasks in the stages pre-stage, full, delta and after, as "
            "create-task's cron; a date starts them once; empty: by hand only",
        ),
    ] = ""
    before_days: Annotated[
        int, Field(rules.Number(1, 36500), "Stage pre-stage: only mail older than so many days")
    ] = 90
    jobs: Annotated[
        int,
        Field(
            rules.Number(0, 64),
            "Tasks of the project that run at a time; 0: as many as the instance has places for",
        ),
    ] = 0
    paused: Annotated[bool, Field(rules.FLAG, "Nothing of the project starts by its schedule")] = False
    title: Annotated[str, Field(rules.TITLE, "What people call it, for lists and reports")] = ""

    @property
    def schedule(self) -> str:
        """Give the schedule that its tasks have now."""
        return self.cron if self.stage in _BY_ITSELF and not self.paused else ""

    @property
    def words(self) -> list[str]:
        """Give the engine's words that the stage adds to a sync."""
        return [f"--minage={self.before_days}"] if self.stage == PRE_STAGE else []


FIELDS: Final[dict[str, Field]] = {
    name: note for name, hint in Project.__annotations__.items() for note in getattr(hint, "__metadata__", ())
}


def from_request(request: Json, before: Project | None = None) -> Project:
    """Make a project of set-project's input; what is not given stays as it was.

    Refused with all that is wrong.
    """
    known: Json = {} if before is None else before._asdict()
    values: Json = {}
    refused: list[Refusal] = []
    for name, field in FIELDS.items():
        default = known.get(name, Project._field_defaults.get(name))
        try:
            values[name] = field.rule.of(request, name, default)  # type: ignore[arg-type]  # of the rule's type
        except RefusedError as error:
            refused += error.refusals
    if refused:
        raise RefusedError(*refused)
    return Project(**values)  # type: ignore[arg-type]  # each rule gives its field's type
