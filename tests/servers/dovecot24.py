"""Dovecot 2.4 of Debian 13: what newer servers say."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from tests.servers.tree import INSIDE, TreeServer

if TYPE_CHECKING:
    from pathlib import Path

#: Owner of mail files; needs no entry in the tree's /etc/passwd.
MAIL_UID = 5000

_CONFIG = """
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
base_dir = {inside}/run
state_dir = {inside}/state
listen = {host}
protocols = imap
log_path = {inside}/server.log
mail_driver = maildir
mail_path = ~/Maildir
mail_uid = {uid}
mail_gid = {uid}
first_valid_uid = 1
mail_fsync = never
auth_mechanisms = plain login
auth_failure_delay = 0
auth_allow_cleartext = yes
ssl = yes
ssl_server_cert_file = {inside}/{certificate}
ssl_server_key_file = {inside}/{key}
passdb passwd-file {{
  passwd_file_path = {inside}/users/%{{user}}
}}
userdb passwd-file {{
  passwd_file_path = {inside}/users/%{{user}}
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class Dovecot24(TreeServer):
    """Dovecot 2.4 with its default capabilities."""

    suite = "trixie"
    packages = ("dovecot-imapd",)

    def configure(self) -> str:
        """Write dovecot.conf; users come later, a file each."""
        if self.certificate is None:
            raise RuntimeError("launch() comes first")
        (self.directory / "home").mkdir(exist_ok=True)
        os.chown(self.directory / "home", MAIL_UID, MAIL_UID)
        (self.directory / "users").mkdir(exist_ok=True)
        (self.directory / "dovecot.conf").write_text(
            _CONFIG.format(
                inside=INSIDE,
                host=self.host,
                uid=MAIL_UID,
                certificate=self.certificate.cert_file.name,
                key=self.certificate.key_file.name,
                port=self.port,
                tls_port=self.tls_port,
            )
        )
        return f"exec dovecot -F -c {INSIDE}/dovecot.conf\n"

    def create_account(self, user: str, password: str) -> None:
        """Write the account's own passwd file: it exists from this moment."""
        encoded = base64.b64encode(password.encode()).decode()
        line = f"{user}:{{PLAIN.b64}}{encoded}:{MAIL_UID}:{MAIL_UID}::{INSIDE}/home/{user}::\n"
        (self.directory / "users" / user).write_text(line)

    def home(self, user: str) -> Path:
        """Give the home folder of a user as seen from outside."""
        return self.directory / "home" / user
