"""The bounds of what a value may be, at each bound: schedules, numbers, texts, hosts, the queue's file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from imapsync_tasks import queue, rules, schedule
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
        pytest.param(rules.SCHEDULE, ["", "1m", "23h"], ["60m", "x", 5], id="schedule"),
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
        pytest.param(["foo_a1", 5.5, "x", 7], Entry("foo_a1", 5.5, UNRELEASED), id="with something else"),
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
