"""The file of provider facts: its shape, and who is recognised."""

from __future__ import annotations

import datetime as dt
from types import MappingProxyType
from typing import get_type_hints

import pytest

from imapsync.providers import Provider, found, named, providers


def test_each_fact_has_its_shape_its_source_and_its_day() -> None:
    allowed: dict[object, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float)}
    for one in providers():
        for name, kind in get_type_hints(Provider).items():
            value = getattr(one, name)
            assert isinstance(value, allowed.get(kind, (tuple, MappingProxyType))), (one.name, name)
            if isinstance(value, MappingProxyType):
                assert all(found(host) is one for host in value.values()), (one.name, name)
        assert one.name.islower()
        assert one.title
        assert one.source
        assert dt.date.fromisoformat(one.seen_on) <= dt.datetime.now(dt.UTC).date()
        assert one.hosts or one.server_ids
        assert set(one.auth) <= {"oauth2", "app-password", "password"}
    assert len({one.name for one in providers()}) == len(providers())


@pytest.mark.parametrize(
    ("host", "server_id", "name"),
    [
        ("imap.gmail.com", "", "gmail"),
        ("IMAP.Gmail.Com.", "", "gmail"),
        ("outlook.office365.com", "", "office365"),
        ("eur01.outlook.office365.com", "", "office365"),
        ("export.imap.mail.yahoo.com", "", "yahoo"),
        ("p42-imap.mail.me.com", "", "icloud"),
        ("10.0.0.1", "GImap", "gmail"),
        ("imap.gmail.com.example.org", "", None),
        ("notimap.gmail.com", "", None),
        ("mail.example.org", "Dovecot", None),
        ("", "", None),
    ],
)
def test_who_is_recognised(host: str, server_id: str, name: str | None) -> None:
    provider = found(host, server_id)
    assert (provider and provider.name) == name
    assert name is None or named(name) is provider


def test_the_ceiling_of_a_folder_depends_on_the_host() -> None:
    yahoo = named("yahoo")
    assert yahoo is not None
    assert yahoo.cap_at("imap.mail.yahoo.com") == 10_000
    assert yahoo.cap_at("Export.imap.mail.yahoo.com") == 100_000
    gmail = named("gmail")
    assert gmail is not None
    assert gmail.cap_at("imap.gmail.com") == 0


def test_nobody_has_an_unknown_name() -> None:
    assert named("nobody") is None
