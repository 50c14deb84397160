"""hoodiecrow-imap, a server in JavaScript for tests of clients: IMAP4rev1 and one account, in memory.

With its plugins it announces what Gmail does.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, ClassVar

from tests.servers.cache import made_once
from tests.servers.client import Client
from tests.servers.process import ProcessServer

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "2.1.0"

_RUN = """
const options = JSON.parse(process.argv[1]);
const server = require(options.module)(options);
options.announced.forEach(name => server.registerCapability(name));
server.listen(options.port, options.host);
"""


class Hoodiecrow(ProcessServer):
    """The bare server. All users see the same mail: one account a server."""

    one_account = True
    needs = ("node", "npm")
    plugins: ClassVar[tuple[str, ...]] = ()
    #: What plugins give and do not announce.
    announced: ClassVar[tuple[str, ...]] = ()

    def command(self) -> list[str]:
        """Give the options to a line of JavaScript. XTOYBIRD adds users and is not announced."""
        options = {
            "module": str(made_once(f"hoodiecrow-{VERSION}", _install) / "node_modules" / "hoodiecrow-imap"),
            "host": self.host,
            "port": self.port,
            "plugins": [*self.plugins, "XTOYBIRD"],
            "announced": list(self.announced),
            "storage": {"INBOX": {}, "": {"separator": "/", "folders": {}}},
        }
        return ["node", "-e", _RUN, json.dumps(options)]

    def create_account(self, user: str, password: str) -> None:
        """Make the user known; no login is needed for that."""
        with Client(self.host, self.port) as client:
            client.command(f'XTOYBIRD USERADD "{user}" "{password}"'.encode())


class HoodiecrowGmail(Hoodiecrow):
    """hoodiecrow with all that Gmail announces and it knows."""

    plugins = (
        "ID", "IDLE", "NAMESPACE", "UNSELECT", "ENABLE", "CONDSTORE", "UIDPLUS", "LITERALPLUS",
        "SPECIAL-USE", "AUTH-PLAIN", "SASL-IR", "MOVE", "X-GM-EXT-1",
    )  # fmt: skip
    announced = ("X-GM-EXT-1",)


def _install(folder: Path) -> None:
    folder.mkdir()
    subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder),
         f"hoodiecrow-imap@{VERSION}"],
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
