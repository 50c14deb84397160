"""What the demo and the suites find around the module: Mail with users, remote accounts, a way in by SSH.

`python -m devnode.testbed up --name NAME` adds all three to a node that is up. The suites find addresses,
users and passwords in <state>/accounts.json. `down` takes away what is not part of the node.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Final

from . import sshd
from .imap_account import REFUSED, Login, Mailbox
from .remote import Remote
from .settings import Node, NodeError, load
from .shell import CommandError, Shell, wait_for

if TYPE_CHECKING:
    from pathlib import Path

USERS: Final = ("administrator", "anna", "foo", "john", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9")
USER_PASSWORD: Final = "Nethesis,1234"  # noqa: S105 - known to all, on loopback
START_TIMEOUT_S: Final = 60.0


def local_login(node: Node, user: str) -> Login:
    """Give how a local user enters the own mailbox."""
    return Login(node.address(2), 143, user, USER_PASSWORD)


def install_mail(node: Node, shell: Shell, image: str) -> None:
    """Install mail1 with `USERS`; returns when its Dovecot answers."""
    shell.run("add-module", image, "1")
    users = [{"user": user, "password": USER_PASSWORD} for user in USERS]
    shell.action("mail1", "configure-module", {"hostname": "mail.example.org", "users": users})

    def answers() -> bool:
        try:
            Mailbox(local_login(node, USERS[0])).close()
        except REFUSED:
            return False
        return True

    wait_for("an answer of mail1's Dovecot", answers, START_TIMEOUT_S)


def accounts_file(node: Node) -> Path:
    """Give the JSON file that tells the robot suites who is where. Mode 0600."""
    return node.state / "accounts.json"


def up(node: Node, image_base: str, image_tag: str) -> None:
    """Install mail1, start the remote accounts and sshd, write the accounts file."""
    remote = Remote(node, f"{image_base}/mail-dovecot:{image_tag}")
    install_mail(node, Shell(node), f"{image_base}/mail:{image_tag}")
    remote.up()
    sshd.up(node)
    described = {
        "local": {
            "host": node.address(2),
            "port": 143,
            "passwords": dict.fromkeys(USERS, USER_PASSWORD),
        },
        "remote": {
            "host": node.address(3),
            "port": 143,
            "tls_port": 993,
            "plain_host": node.address(4),
            "free_host": node.address(5),
            "passwords": remote.passwords(),
        },
    }
    target = accounts_file(node)
    target.touch(mode=0o600)
    target.write_text(json.dumps(described, indent=1))


def down(node: Node) -> None:
    """End sshd and the remote accounts; mail1 goes with the node."""
    sshd.down(node)
    Remote(node).down()


def main() -> int:
    """Run the command line; `up` prints the accounts file and the SSH key's file."""
    parser = argparse.ArgumentParser(prog="python -m devnode.testbed", description=__doc__)
    parser.add_argument("command", choices=("up", "down"))
    parser.add_argument("--name", help="the devnode, default $DEVNODE, then demo")
    parser.add_argument("--image-base", default="ghcr.io/nethserver")
    parser.add_argument("--image-tag", default="latest")
    options = parser.parse_args()
    try:
        node = load(options.name)
        if options.command == "up":
            up(node, options.image_base, options.image_tag)
            sys.stdout.write(f"{accounts_file(node)}\n{sshd.key_file(node)}\n")
        else:
            down(node)
    except (NodeError, CommandError) as error:
        sys.stderr.write(f"devnode: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
