"""The bounds of what a value may be, at each bound: schedules, numbers, texts, hosts, the queue's file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from imapsync_tasks import queue, rules, schedule, timetable
from imapsync_tasks.errors import RefusedError
from imapsync_tasks.paths import Paths
from imapsync_tasks.queue import UNRELEASED, Entry, Release

if TYPE_CHECKING:
    from pathlib import Path

    from imapsync_tasks.rules import Rule


@pytest.mark.parametrize("text", ["1m", "9m", "59m", "1h", "23h"])
def test_a_schedule_is_taken(text: str) -> None:
    assert schedule.is_valid(text)
    assert schedule.nearest(text) == [text]
    assert schedule.tolerant(text) == text


@pytest.mark.parametrize(
    ("text", "nearest", "meant"),
    [
        ("0m", ["1m"], ""),
        ("0h", ["1h"], ""),
        ("60m", ["59m", "1h"], "1h"),
        ("61m", ["59m", "1h", "2h"], "1h"),
        ("89m", ["59m", "1h", "2h"], "1h"),
        ("90m", ["1h", "2h"], "1h"),
        ("120m", ["2h"], "1h"),
        ("1380m", ["23h"], "1h"),
        ("1381m", ["23h"], "1h"),
        ("24h", ["23h"], "23h"),
        ("05m", ["5m"], "5m"),
        ("059m", ["59m"], "59m"),
        ("01h", ["1h"], "1h"),
    ],
)
def test_a_schedule_is_refused_here_and_kept_running_where_others_stored_it(
    text: str, nearest: list[str], meant: str
) -> None:
    assert not schedule.is_valid(text)
    assert schedule.nearest(text) == nearest
    assert schedule.tolerant(text) == meant


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("22:00", ["0 22 * * *"]),
        ("mon-fri 00:05", ["5 0 * * 1,2,3,4,5"]),
        ("sun,mon 23:59", ["59 23 * * 0,1"]),
        ("fri-mon 08:00", ["0 8 * * 0,1,5,6"]),
        ("sat,sun 1h", ["1 * * * 0,6"]),
        ("10m 18-24", ["*/10 18,19,20,21,22,23 * * *"]),
        ("5h 08-20", ["1 8,13,18 * * *"]),
        ("7h 20-06", ["1 20 * * *", "1 3 * * *"]),
        ("2026-12-24 22:00", ["0 22 24 12 *"]),
        ("2028-02-29 00:00", ["0 0 29 2 *"]),
    ],
)
def test_a_schedule_by_day_hour_or_date(text: str, lines: list[str]) -> None:
    assert schedule.is_valid(text)
    assert schedule.tolerant(text) == text
    assert schedule.expressions(text) == lines
    rendered = schedule.render("foo_a1", text, "h").splitlines()
    assert rendered[2:] == [f"{line} root {schedule.COMMAND} foo_a1" for line in lines]


def test_a_window_past_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    assert schedule.expressions("fri 30m 22-02") == ["*/30 22,23 * * 5", "*/30 0,1 * * 6"]
    assert schedule.expressions("sun 30m 22-02") == ["*/30 22,23 * * 0", "*/30 0,1 * * 1"]


@pytest.mark.parametrize(
    "text",
    [
        *("24:00", "22:60", "mon-fri 24:00", "5m 06-06", "5m 24-06", "5m 20-25", "60m 20-06", "24h 20-06"),
        *("05m 20-06", "2026-02-29 22:00", "2026-13-01 22:00", "2026-12-24 24:00", "mon  22:00", "xyz 22:00"),
        *("22:00 mon", "mon-fri", "mon-fri 22:00\n", "0000-01-01 00:00"),
    ],
)
def test_what_is_no_day_hour_or_date_is_refused_with_examples(text: str) -> None:
    assert not schedule.is_valid(text)
    assert all(schedule.is_valid(choice) for choice in schedule.nearest(text))


def test_a_date_is_meant_in_its_own_year_only() -> None:
    text = schedule.render("foo_a1", "2026-12-24 22:00", "h")
    moment = schedule.moment_of(text)
    assert moment is not None
    assert f"{moment:%Y-%m-%d %H:%M}" == "2026-12-24 22:00"
    assert schedule.is_meant("2026-12-24 22:00", moment.timestamp())
    assert not schedule.is_meant("2026-12-24 22:00", moment.replace(year=2027).timestamp())
    assert schedule.is_meant("1", moment.timestamp())
    assert schedule.moment_of(schedule.render("foo_a1", "22:00", "h")) is None


@pytest.mark.parametrize("text", ["5", "m", "5d", "5 m", "5m\n", "-5m", "12345m"])
def test_what_is_no_schedule_at_all(text: str) -> None:
    assert not schedule.is_valid(text)
    assert schedule.nearest(text) == ["1m", "1h"]
    with pytest.raises(ValueError, match="no schedule"):
        schedule.tolerant(text)


def test_a_percent_sign_of_a_task_does_not_end_its_cron_line() -> None:
    assert schedule.render("foo_a%b c", "23h", "h").endswith(
        f"1 */23 * * * root {schedule.COMMAND} 'foo_a\\%b c'\n"
    )


def test_scheduled_starts_are_spread_over_the_minute_and_each_keeps_its_moment() -> None:
    delays = [schedule.delay_s(f"foo_a{number}") for number in range(500)]
    assert delays == [schedule.delay_s(f"foo_a{number}") for number in range(500)]
    assert set(delays) == set(range(schedule.SPREAD_S))


def taken(rule: Rule, value: object) -> object:
    """Give what a rule makes of a value, or the text "refused"."""
    try:
        return rule.of({"member": value}, "member")
    except RefusedError as error:
        (told,) = error.as_json()
        assert told["field"] == "member"
        return "refused"


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        pytest.param(rules.PORT, [1, 65535], [0, 65536, -1, True, "1", None, 1.5], id="port"),
        pytest.param(rules.DAYS, [0, 99999], [-1, 100000, False], id="days"),
        pytest.param(rules.PARALLEL, [1, 64], [0, 65], id="parallel"),
        pytest.param(rules.MESSAGES, [1, 4294967295], [0, 4294967296], id="messages"),
        pytest.param(rules.FLAG, [True, False], [0, 1, "true", None], id="flag"),
        pytest.param(rules.SECURITY, ["", "tls", "ssl"], ["TLS", "both", None, 0], id="choice"),
        pytest.param(
            rules.SCHEDULE, ["", "1m", "23h", "mon-fri 30m 20-06"], ["60m", "x", "25:00", 5], id="schedule"
        ),
        pytest.param(
            rules.NEW_TASK_ID, ["a", "x" * 64, "_-.", "9"], ["", "x" * 65, ".a", "a b", 7], id="task id"
        ),
        pytest.param(
            rules.REMOTE_USER, ["u", "x" * 255], ["", "x" * 256, "a\tb", "\ud800"], id="remote user"
        ),
        pytest.param(rules.PASSWORD, ["", "p", "x" * 4096], ["x" * 4097, "a\nb", "\udfff"], id="password"),
        pytest.param(
            rules.HOST,
            ["h", ".".join(["x" * 63] * 3), "1.a", "2001:db8::1", "b" * 63 + ".a"],
            ["x" * 64, "x" * 254, "a:b", "a.1", "-a.b", "b-.a", "", "::1%lo", 5],
            id="host",
        ),
    ],
)
def test_a_value_is_taken_up_to_its_bounds(rule: Rule, good: list[Any], bad: list[Any]) -> None:
    assert [taken(rule, value) for value in good] == good
    assert {str(taken(rule, value)) for value in bad} == {"refused"}


def test_a_whole_number_may_come_as_a_float_and_a_missing_one_has_its_default() -> None:
    assert taken(rules.PORT, 143.0) == 143
    assert type(taken(rules.PORT, 143.0)) is int
    assert rules.PORT.of({}, "member", 25) == 25
    assert rules.FLAG.of({}, "member", default=True) is True
    assert rules.SECURITY.of({}, "member", "tls") == "tls"
    assert rules.HOST.of({}, "member", "h") == "h"
    assert rules.SCHEDULE.of({}, "member", "") == ""


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("x" * 300, "x" * 200),
        ("a\ud800", "a?"),
        (7, 7),
        (1.5, 1.5),
        (True, True),
        (None, None),
        ([1], "list"),
        ({"a": 1}, "dict"),
    ],
)
def test_a_refusal_gives_back_what_was_sent_as_far_as_it_can_be_shown(sent: object, told: object) -> None:
    (answer,) = rules.refused("member", sent).as_json()
    assert answer["value"] == told


def test_a_schema_says_the_same_bounds() -> None:
    assert rules.PORT.schema() == {"type": "integer", "minimum": 1, "maximum": 65535}
    assert rules.PASSWORD.schema()["maxLength"] == 4096
    assert "minLength" not in rules.PASSWORD.schema()
    assert rules.REMOTE_USER.schema()["minLength"] == 1


@pytest.mark.parametrize(
    ("item", "entry"),
    [
        pytest.param(["foo_a1", 5], Entry("foo_a1", 5.0), id="a start"),
        pytest.param(["foo_a1", 5.5, [3, 4]], Entry("foo_a1", 5.5, Release(3, 4)), id="with a release"),
        pytest.param(["foo_a1", 5.5, [3]], Entry("foo_a1", 5.5, UNRELEASED), id="with half of one"),
        pytest.param(["foo_a1", 5.5, "x", 7], Entry("foo_a1", 5.5, UNRELEASED, 7), id="with something else"),
        pytest.param(["foo_a1", float("inf")], None, id="never due"),
        pytest.param(["../x_1", 5], None, id="no task's name"),
        pytest.param(["foo_a1"], None, id="without its moment"),
        pytest.param([5, "foo_a1"], None, id="the wrong way round"),
        pytest.param("foo_a1", None, id="no entry"),
    ],
)
def test_the_queue_is_read_as_far_as_it_makes_sense(
    tmp_path: Path, item: object, entry: Entry | None
) -> None:
    paths = Paths(tmp_path, tmp_path)
    paths.queue.write_text(json.dumps({"entries": [item, ["bar_b2", 7]]}))
    assert queue.read(paths) == [*([entry] if entry else []), Entry("bar_b2", 7.0)]


def test_an_empty_queue_has_no_file(tmp_path: Path) -> None:
    paths = Paths(tmp_path, tmp_path)
    assert queue.read(paths) == []
    entries = [Entry("foo_a1", 5.0, Release(3, 4)), Entry("bar_b2", 7.0)]
    queue.write(paths, entries)
    assert queue.read(paths) == entries
    queue.write(paths, [])
    assert not paths.queue.exists()
    paths.queue.write_text('{"entries": 5}')
    assert queue.read(paths) == []


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("live", 0.0),
        ("1m", 1.0),
        ("59m", 59.0),
        ("2h", 120.0),
        ("30m 20-06", 30.0),
        ("mon-fri 2h 20-06", 120.0),
        ("22:00", 1440.0),
        ("mon 22:00", 10_080.0),
        ("sat,sun 22:00", 5040.0),
        ("2026-12-24 22:00", 1e6),
        ("", float("inf")),
    ],
)
def test_schedules_are_ordered_by_how_often_they_start(text: str, minutes: float) -> None:
    assert schedule.period_min(text) == minutes


@pytest.mark.parametrize("text", ["59m 20-06", "23h 08-20", "1m 00-24", "1h 23-24"])
def test_the_longest_intervals_and_windows_are_taken(text: str) -> None:
    assert schedule.is_valid(text)


def test_a_live_schedule_is_valid_and_no_date() -> None:
    assert schedule.is_valid("live")
    assert timetable.once("live") is None
    assert timetable.once("2026-12-24 22:00 ") is None
    assert timetable.once("2026-2-4 22:00") is None
