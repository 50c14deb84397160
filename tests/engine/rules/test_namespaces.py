"""What belongs to others on the destination is neither written to nor deleted in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.engine.rules.world import World
from tests.servers.dovecot import MAIL_UID, Dovecot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.rules.zygote import Zygote

pytestmark = pytest.mark.servers
_PUBLIC = """
namespace pub {{
  type = public
  prefix = Public/
  separator = /
  location = maildir:{folder}:INDEXPVT=~/public
  subscriptions = no
  list = yes
}}
"""
EVERYBODYS = ["m1", "m2", "m3", "m4"]


@pytest.fixture
def shared(zygote: Zygote, tmp_path: Path) -> Iterator[World]:
    """Give a world whose destination has a public folder with four messages."""
    with Dovecot(tls=False) as source, Dovecot(tls=False) as destination:
        public = destination.directory / "public"
        public.mkdir()
        os.chown(public, MAIL_UID, MAIL_UID)
        destination.extra_config = _PUBLIC.format(folder=public)
        destination.restart()
        world = World((source, destination), zygote, tmp_path)
        world.deliver(2, "Public/Team", 1, 2, 3, 4)
        yield world
        world.close()


@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
def test_private_mail_does_not_become_public(shared: World, state: bool) -> None:
    shared.deliver(1, "Public/Team", 5)
    shared.deliver(1, "INBOX", 6)
    shared.run("--personal1", state=state)
    assert shared.names(2, "Public/Team") == EVERYBODYS
    assert "m6" in shared.names(2, "INBOX")


@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
def test_the_mail_of_everybody_is_not_deleted(shared: World, state: bool) -> None:
    shared.deliver(1, "Public/Team", 5)
    shared.deliver(1, "INBOX", *range(6, 30))
    for _ in range(2):
        shared.run("--delete2", "--delete2folders", state=state)
    assert set(EVERYBODYS) <= set(shared.names(2, "Public/Team"))
