"""A CSV file of accounts: reading it, and judging each row. No task is touched here."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import rules
from imapsync_tasks.errors import ERRORS, Json, RefusedError
from imapsync_tasks.fields import NEEDED, digits
from imapsync_tasks.task import FIELDS, OF_SOURCE, Task, from_request

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet


def column_of(field: str) -> str:
    """Give the column that holds a field of create-task."""
    return "localusername" if field == "localuser" else field


_NEEDED: Final = [name for name, field in FIELDS.items() if field.column is NEEDED]
#: In the order of the sample file: the password after its user.
REQUIRED: Final = (
    *(column_of(name) for name in _NEEDED[:2]),
    "remotepassword",
    *_NEEDED[2:],
)
#: Columns that may be empty or missing -> the value then.
OPTIONAL: Final[dict[str, object]] = {
    name: field.column for name, field in FIELDS.items() if field.column is not NEEDED
}
_FROM_SOURCE: Final = (*OF_SOURCE, "remotepassword")
#: Columns without a value are refused, but for these.
_MAY_BE_EMPTY: Final = ("security",)
_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}
#: What may stand between columns, the usual one first.
SEPARATORS: Final = (",", ";", "\t")
#: Columns of a file that names none, in their order; those of the server where it is not given once.
_BY_POSITION: Final = REQUIRED[:3]
_OF_SERVER: Final = REQUIRED[3:]
#: Rows by which the separator of a file without a header is told.
_LOOKED_AT: Final = 20
#: A cell larger than every field may be; the csv module needs a limit.
_CELL_BYTES: Final = 1 << 17
MAX_ROWS: Final = 20000


class CsvError(Exception):
    """The file as a whole cannot be used; the text says why and what to do, for people."""


class Issue(NamedTuple):
    """What is wrong with one cell: column, error key, sentence."""

    column: str
    error: str
    text: str

    def as_json(self) -> Json:
        """Give the element of an answer."""
        return {"field": self.column, "error": self.error, "text": self.text}


class Layout(NamedTuple):
    """What a file need not say.

    server: what its rows have in place of a server of their own, by column: a source, or host, port and
    encryption. headless: a first row that names no column is a row like the others, by position.
    """

    server: dict[str, str] = {}  # noqa: RUF012  # never changed
    headless: bool = False

    @classmethod
    def of(cls, request: Json) -> Layout:
        """Read `server` and `header` of a request that fits its schema."""
        given = request.get("server")
        cells = {name: str(value) for name, value in given.items()} if isinstance(given, dict) else {}
        return cls(cells, request.get("header") == "auto")

    @property
    def needed(self) -> tuple[str, ...]:
        """Give the columns that a file has to have."""
        wanted = needed(bool(self.server.get("source")))
        return tuple(name for name in wanted if name not in self.server)

    @property
    def positions(self) -> tuple[str, ...]:
        """Give the columns of a file that names none."""
        return _BY_POSITION if self.server else (*_BY_POSITION, *_OF_SERVER)


#: A header, and a server in each row.
USUAL: Final = Layout()


class Row(NamedTuple):
    """One row of data. `number` is the row number that a spreadsheet shows."""

    number: int
    cells: dict[str, str]
    issues: tuple[Issue, ...] = ()

    @property
    def account(self) -> str:
        """Give the remote account as user@host:port, or user@source."""
        if self.cells.get("source"):
            return "{remoteusername}@{source}".format_map(self.cells)
        return "{remoteusername}@{remotehostname}:{remoteport}".format_map(self.cells)

    @property
    def shown(self) -> dict[str, str]:
        """Give the cells without the password."""
        return {name: value for name, value in self.cells.items() if name != "remotepassword"}


class Table(NamedTuple):
    """A whole file."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def decode(content: bytes) -> str:
    """Give the text of a file in UTF-8 or, marked by its first bytes, UTF-16.

    CsvError says what to do otherwise.
    """
    marks = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    encoding = next((name for mark, name in marks.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CsvError(
            f"Invalid text encoding in line {line}: the file must be saved as UTF-8 "
            "(in a spreadsheet: save as 'CSV UTF-8')."
        ) from None


def separator(text: str) -> str:
    """Give what separates the columns: a spreadsheet writes commas, semicolons or tabs, by its language.

    Where the first line names no column it is what each line has: a password may hold any of them.
    """
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if line.strip()] or [""]
    if _names_columns(re.split("[,;\t]", lines[0])):
        return max(SEPARATORS, key=lines[0].count)
    return max(SEPARATORS, key=lambda mark: min(line.count(mark) for line in lines[:_LOOKED_AT]))


def needed(with_source: bool) -> tuple[str, ...]:
    """Give the columns that need a value: a source brings the server, and the password unless it says so."""
    return tuple(name for name in REQUIRED if not (with_source and name in _FROM_SOURCE))


def parse(text: str, mark: str = ",", layout: Layout = USUAL) -> Table:
    """Read a table whose columns `mark` separates; blank rows are skipped but counted.

    CsvError when the file has no usable header or quotes.
    """
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        raise CsvError("Invalid file: it holds NUL bytes, so it is no CSV text in UTF-8.")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    csv.field_size_limit(_CELL_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=mark)
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    number = 0
    try:
        for number, cells in enumerate(reader, 1):  # used when the reader fails
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                headless = layout.headless and not _names_columns(cells)
                columns = _by_position(cells, layout) if headless else _header(cells, layout)
                if not headless:
                    continue
            if len(rows) >= MAX_ROWS:
                raise CsvError(f"Too many rows: at most {MAX_ROWS} can be imported at once.")
            rows.append(_row(number, columns, cells, layout))
    except csv.Error as error:
        raise CsvError(f"Invalid CSV near row {number + 1}: {error} (check the quotes).") from None
    if not columns:
        raise CsvError(f"Missing required columns: the file is empty. Expected: {', '.join(layout.needed)}")
    return Table(columns, tuple(rows))


def change(table: Table, changes: list[Json]) -> Table:
    """Give the table with single cells replaced.

    Changes of rows that do not exist, and of columns that neither the file nor the row has, are left out.
    """
    rows = {row.number: row for row in table.rows}
    for one in changes:
        row = rows.get(int(str(one["row"])))
        column, value = (
            ("remotepassword", one["remotepassword"])
            if "remotepassword" in one
            else (
                str(one.get("field", "")),
                one.get("value", ""),
            )
        )
        if row and (column in table.columns or column in row.cells) and isinstance(value, str):
            rows[row.number] = _judged(row.number, {**row.cells, column: value})
    return Table(table.columns, tuple(rows.values()))


def request(row: Row, task_id: str, existing: Task | None = None) -> Json:
    """Give create-task's input for a valid row.

    Of an existing task it keeps what the file has no value for.
    """
    made: Json = dict(OPTIONAL)
    if existing:
        fields = existing._asdict()
        made = {name: fields[name] for name in OPTIONAL}
    if row.cells["remotehostname"]:
        made["source"] = ""
    for name, value in row.cells.items():
        if name in OPTIONAL and value:
            made[name] = _typed(name, value)
    made |= {name: _typed(name, row.cells[column_of(name)]) for name in _NEEDED}
    made |= {
        "security": row.cells["security"].lower(),
        "remotepassword": row.cells["remotepassword"],
        "task_id": task_id,
    }
    if existing:  # its own spelling stays
        made |= {name: getattr(existing, name) for name in ("localuser", "remoteusername", "remotehostname")}
    return made


def _names_columns(cells: list[str]) -> bool:
    """Tell whether a row has the name of a column: then it is a header, be it a wrong one."""
    return any(cell.strip(' "').lower() in (*REQUIRED, *OPTIONAL) for cell in cells)


def _by_position(cells: list[str], layout: Layout) -> tuple[str, ...]:
    expected = layout.positions
    if len(cells) == len(expected) or (layout.server.get("source") and len(cells) == len(expected) - 1):
        return expected[: len(cells)]
    raise CsvError(
        f"Missing header: the first row names no column and has {len(cells)} values. "
        f"Without a header the columns are {', '.join(expected)}"
    )


def _header(cells: list[str], layout: Layout) -> tuple[str, ...]:
    columns = tuple(cell.strip() for cell in cells)
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|"):
        mark = next(mark for mark in ";\t|" if mark in columns[0])
        raise CsvError(f"Invalid delimiter {mark!r}: columns must be separated by commas.")
    wanted = needed(with_source=True) if "source" in columns else layout.needed
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise CsvError(f"Missing required columns: {', '.join(missing)}. Found: {', '.join(columns)}")
    unknown = [name for name in columns if name not in REQUIRED and name not in OPTIONAL]
    if unknown:
        raise CsvError(f"Invalid columns: {', '.join(unknown)}. Known besides: {', '.join(OPTIONAL)}")
    if len(set(columns)) != len(columns):
        raise CsvError("Invalid header: a column appears twice.")
    return columns


def _row(number: int, columns: tuple[str, ...], cells: list[str], layout: Layout) -> Row:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        issue = Issue(
            "", "invalid_row", f"Invalid row: {len(cells)} values for {len(columns)} columns (quotes?)"
        )
        return Row(number, _with_server(dict.fromkeys(columns, ""), layout), (issue,))
    padded = [*cells, *[""] * (len(columns) - len(cells))]
    values = {
        name: value if name == "remotepassword" else value.strip()
        for name, value in zip(columns, padded, strict=False)
    }
    return _judged(number, _with_server(values, layout))


def _with_server(given: dict[str, str], layout: Layout) -> dict[str, str]:
    """Give a row's cells with every column that it needs; a row that names no server has that of all rows."""
    cells = dict.fromkeys(REQUIRED, "") | given
    if cells["remotehostname"] or cells.get("source"):
        return cells
    return cells | {name: value for name, value in layout.server.items() if not _is_given(name, given)}


def _is_given(name: str, cells: dict[str, str]) -> bool:
    """Tell whether a row has a value of its own; empty, `security` beside a port says: none is required."""
    says = name in _MAY_BE_EMPTY and name in cells and bool(cells.get("remoteport"))
    return bool(cells.get(name)) or says


def _judged(number: int, cells: dict[str, str]) -> Row:
    """Make a row of its cells, with everything that is wrong with them."""
    row = Row(number, cells)
    wanted = needed(bool(cells.get("source")))
    missing = [name for name in wanted if not cells[name] and name not in _MAY_BE_EMPTY]
    issues = [Issue(name, "missing", f"Missing required value: {name}") for name in missing]
    try:
        from_request(request(row, cells.get("task_id", "")))
        rules.PASSWORD.of(dict(cells), "remotepassword")
    except RefusedError as refused:
        issues += [one for one in _issues(refused, cells) if one.column not in missing]
    return row._replace(issues=tuple(issues))


def as_new(row: Row, names: AbstractSet[str]) -> Row:
    """Judge the names of a row that makes a new task; `names` are those of the tasks that exist."""
    given: Json = {"localuser": row.cells["localusername"], "task_id": row.cells.get("task_id") or "a"}
    issues: list[Issue] = []
    for rule, name in ((rules.NEW_LOCALUSER, "localuser"), (rules.NEW_TASK_ID, "task_id")):
        try:
            rule.of(given, name)
        except RefusedError as refused:
            issues += _issues(refused, row.cells)
    if row.cells.get("task_id") and f"{given['localuser']}_{given['task_id']}" in names:
        issues.append(Issue("task_id", "task_id_taken", "Invalid task_id: another task has it"))
    return row._replace(issues=tuple(issues))


def _issues(refused: RefusedError, cells: dict[str, str]) -> list[Issue]:
    found = []
    for one in refused.refusals:
        column = column_of(str(one.as_json()["field"]))
        found.append(Issue(column, one.error, _sentence(column, one.error, one.details, cells)))
    return found


def _sentence(column: str, error: str, details: Json, cells: dict[str, str]) -> str:
    shown = "" if column == "remotepassword" else f" {cells.get(column, '')[:60]!r}"
    if column == "remoteport":
        return f"Invalid port number{shown}"
    choices = details.get("choices")
    hint = f": use {' or '.join(str(one) for one in choices)}" if isinstance(choices, list) else ""
    return f"Invalid {column}{shown}{hint}" if error in ERRORS else f"Invalid {column}"


def _typed(name: str, value: str) -> object:
    """Give a cell as the field's type; the field rules refuse what stays text."""
    match FIELDS[name].rule:
        case rules.Number():
            number = digits(value)
            return value if number is None else number
        case rules.Flag():
            return _BOOLEANS.get(value.lower(), value)
    return value
