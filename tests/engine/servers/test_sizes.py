"""A server that counts sizes in its own way: nothing comes twice for that, and what was edited arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.servers.accounts import PASSWORD, Account, plain
from tests.engine.servers.test_zoo import HOME, copied, mails
from tests.servers.zoo import KINDS, needs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

#: Counts no carriage return.
COUNTS_OTHERWISE = next(kind for kind in KINDS if kind.name == "Pymap")


def test_an_edited_draft_arrives_where_all_sizes_are_counted_otherwise(tmp_path: Path) -> None:
    needs(COUNTS_OTHERWISE)
    with COUNTS_OTHERWISE.make() as server, HOME.make() as home:
        source = Account(COUNTS_OTHERWISE, server, server.add_user("anna", PASSWORD))
        destination = Account(HOME, home, home.add_user("anna", PASSWORD))
        draft = plain(0, flags=("\\Draft",))
        edited = draft._replace(content=draft.content + b"And this came later.\r\n")
        source.put("INBOX", [draft, plain(1, size=700_000), *(plain(number) for number in range(2, 120))])
        assert copied(source, destination, tmp_path).report["messages_transferred"] == 120
        assert copied(source, destination, tmp_path).report["messages_transferred"] == 0

        with source.server.client(source.user) as client:
            client.command(b"SELECT INBOX")
            client.command(b"UID STORE 1 +FLAGS (\\Deleted)")
            client.command(b"EXPUNGE")
        source.put("INBOX", [edited])
        again = copied(source, destination, tmp_path)
        assert (again.exit_code, again.report["messages_transferred"]) == (0, 1), again.output[-3000:]
        assert not mails(source, destination) - mails(destination, source)
