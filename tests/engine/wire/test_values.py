"""Mailbox names, UID sets and dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapsync.wire.dates import date_time, epoch_of, exact_date_time, search_date
from imapsync.wire.errors import EncodingRefused, ProtocolError
from imapsync.wire.mailbox import MailboxName, decode_mailbox, encode_mailbox
from imapsync.wire.uidset import MAX_NUMBER, UidSet

# -- mailbox names


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("Sent", b"Sent"),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("Tom & Jerry", b"Tom &- Jerry"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("😀", b"&2D3eAA-"),
        ("", b""),
        ("&", b"&-"),
        ("a\tb", b"a&AAk-b"),
    ],
)
def test_modified_utf7_both_ways(text: str, raw: bytes) -> None:
    assert encode_mailbox(text) == raw
    assert decode_mailbox(raw) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Entwürfe".encode(), "Entwürfe"),
        (b"Entw\xfcrfe", "Entwürfe"),
        (b"R&D", "R&D"),
        (b"a & b", "a & b"),
        (b"&AOQ", "&AOQ"),
        (b"&A-", "&A-"),
        (b"&2D0-", "&2D0-"),
    ],
)
def test_names_that_are_not_modified_utf7_keep_their_bytes(raw: bytes, text: str) -> None:
    name = MailboxName.from_wire(raw)
    assert name.raw == raw
    assert name.text == str(name) == text


def test_inbox_has_one_spelling() -> None:
    assert MailboxName.from_wire(b"inBox") == MailboxName.from_text("INBOX") == MailboxName(b"INBOX", "INBOX")
    assert MailboxName.from_text("Inbox/a").raw == b"Inbox/a"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_every_text_comes_back(text: str) -> None:
    raw = encode_mailbox(text)
    assert raw.isascii()
    assert decode_mailbox(raw) == text


@given(st.binary())
def test_every_name_of_a_server_has_a_text(raw: bytes) -> None:
    name = MailboxName.from_wire(raw)
    assert name.raw == raw or raw.upper() == b"INBOX"


# -- sets


@pytest.mark.parametrize(
    ("raw", "ranges"),
    [(b"1", [(1, 1)]), (b"1:3,7", [(1, 3), (7, 7)]), (b"9:5", [(5, 9)]), (b"3,1", [(3, 3), (1, 1)])],
)
def test_sets_are_read(raw: bytes, ranges: list[tuple[int, int]]) -> None:
    assert UidSet.parse(raw) == UidSet(ranges)


@pytest.mark.parametrize(
    "raw", [b"", b"0", b"a", b"1:", b":1", b"1,,2", b"*", b"1:*", b"4294967296", b"+1", b"1_0"]
)
def test_sets_that_are_none(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        UidSet.parse(raw)


def test_a_huge_set_stays_small() -> None:
    everything = UidSet.parse(b"1:4294967295")
    assert len(everything.ranges) == 1
    assert len(everything) == MAX_NUMBER
    assert 77 in everything
    assert 0 not in everything
    assert "x" not in everything
    assert next(iter(everything)) == 1


@given(st.sets(st.integers(1, 60)), st.lists(st.integers(1, 60)), st.integers(1, 60), st.integers(1, 60))
def test_parts_of_sets_without_expanding_them(
    numbers: set[int], others: list[int], first: int, last: int
) -> None:
    made = UidSet.of(numbers)
    assert made.among(others) == [number for number in others if number in numbers]
    assert set(made.without(others)) == numbers - set(others)
    assert set(made.within(first, last)) == {number for number in numbers if first <= number <= last}


def test_ranges_that_overlap_or_come_unsorted_are_searched_right() -> None:
    ranges = UidSet([(50, 60), (1, 100), (2, 3)])
    assert ranges.among([1, 40, 99, 101]) == [1, 40, 99]
    assert set(ranges.without(range(1, 99))) == {99, 100}


def test_a_huge_set_is_intersected_in_no_time() -> None:
    everything = UidSet.parse(b"1:4294967295")
    assert everything.among([5, MAX_NUMBER]) == [5, MAX_NUMBER]
    assert everything.without([5]).ranges == ((1, 4), (6, MAX_NUMBER))
    assert everything.within(7, 9).ranges == ((7, 9),)


def test_empty_and_impossible_sets_cannot_be_sent() -> None:
    for numbers in ([], [0], [-1], [2**32]):
        with pytest.raises(EncodingRefused):
            UidSet.of(numbers).encode()


@given(st.sets(st.integers(1, 400)))
def test_sets_are_compact_and_complete(numbers: set[int]) -> None:
    made = UidSet.of(numbers)
    assert list(made) == sorted(numbers)
    assert len(made) == len(numbers)
    assert bool(made) == bool(numbers)
    if numbers:
        assert UidSet.parse(made.encode()) == made
        assert repr(made) == f"UidSet({made.ranges!r})"
        assert len({made, UidSet.of(numbers)}) == 1


@given(st.sets(st.integers(1, MAX_NUMBER), max_size=80), st.integers(1, 30), st.integers(23, 80))
def test_splitting_bounds_count_and_length_and_loses_nothing(
    numbers: set[int], most: int, length: int
) -> None:
    pieces = list(UidSet.of(numbers).split(most, length))
    assert [number for piece in pieces for number in piece] == sorted(numbers)
    for piece in pieces:
        assert 1 <= len(piece) <= most
        assert len(piece.encode()) <= length


# -- dates


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"17-Jul-1996 02:44:25 -0700", datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)),
        (b" 1-Jan-1970 00:00:00 +0000", datetime(1970, 1, 1, tzinfo=UTC)),
        (b"29-Feb-2024 23:59:60 +0530", datetime(2024, 2, 29, 18, 30, tzinfo=UTC)),
        (b"1-jan-2020 1:02 GMT", datetime(2020, 1, 1, 1, 2, tzinfo=UTC)),
        (b"01-JAN-2020 01:02:03 +01:00", datetime(2020, 1, 1, 0, 2, 3, tzinfo=UTC)),
        (b"01-Jan-2020 01:02:03", datetime(2020, 1, 1, 1, 2, 3, tzinfo=UTC)),
        # Zones by name.
        (b"17-Jul-1996 02:44:25 PDT", datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)),
        (b"17-Jul-1996 02:44:25 cest", datetime(1996, 7, 17, 0, 44, 25, tzinfo=UTC)),
        (b"17-Jul-1996 02:44:25 XYZ", datetime(1996, 7, 17, 2, 44, 25, tzinfo=UTC)),
        (b"17-Jul-1996 02:44:25 GMT+0200", datetime(1996, 7, 17, 0, 44, 25, tzinfo=UTC)),
        # The form of a Date field.
        (b"Wed, 17 Jul 1996 02:44:25 -0700 (PDT)", datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)),
        (b"7 Jul 1996 2:44 +0000", datetime(1996, 7, 7, 2, 44, tzinfo=UTC)),
        (b"Wed, 17 Jul 96 02:44:25 EST", datetime(1996, 7, 17, 7, 44, 25, tzinfo=UTC)),
        (b"1-Feb-05 02:44:25", datetime(2005, 2, 1, 2, 44, 25, tzinfo=UTC)),
        (b"17-July-1996 02:44:25.123 +0000", datetime(1996, 7, 17, 2, 44, 25, tzinfo=UTC)),
    ],
)
def test_dates_of_servers(raw: bytes, expected: datetime) -> None:
    assert epoch_of(raw) == int(expected.timestamp())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"yesterday",
        b"30-Feb-2020 00:00:00 +0000",
        b"01-Foo-2020 00:00:00 +0000",
        b"00-Jan-2020 00:00:00 +0000",
        b"01-Jan-0000 00:00:00 +0000",
        b"01-Jan-2020 25:00:00 +0000",
        b"01-Jan-2020 00:61:00 +0000",
        b"29-Feb-1900 00:00 Z",
    ],
)
def test_dates_that_no_calendar_has(raw: bytes) -> None:
    assert epoch_of(raw) is None
    assert exact_date_time(raw) is None


def test_exact_dates_stay_and_others_are_rewritten() -> None:
    assert exact_date_time(b" 7-Jul-1996 02:44:25 -0700") == b" 7-Jul-1996 02:44:25 -0700"
    assert exact_date_time(b"7-JUL-1996 2:44 +0200") == b"07-Jul-1996 00:44:00 +0000"
    assert exact_date_time(b"1-Jan-0001 0:00 +0100") is None


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - the zone is drawn beside
    st.integers(-14 * 60, 14 * 60),
)
def test_epoch_as_the_calendar_has_it(moment: datetime, offset_minutes: int) -> None:
    aware = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=offset_minutes)))
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    sign = "+" if offset_minutes >= 0 else "-"
    zone = f"{sign}{abs(offset_minutes) // 60:02d}{abs(offset_minutes) % 60:02d}"
    raw = f"{aware.day:02d}-{months[aware.month - 1]}-{aware.year:04d} {aware:%H:%M:%S} {zone}".encode()
    seconds = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    assert epoch_of(raw) == seconds
    assert epoch_of(date_time(seconds)) == seconds
    utc = aware.astimezone(UTC)
    assert search_date(seconds) == f"{utc.day}-{months[utc.month - 1]}-{utc.year:04d}".encode()


@pytest.mark.parametrize("epoch_s", [-(10**12), 10**12])
def test_times_outside_the_calendar_have_no_date(epoch_s: int) -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        date_time(epoch_s)
