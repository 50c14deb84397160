"""GNU imap4d of Debian 12's mailutils: Maildir or mbox, IMAP4rev1 and little else, UIDs that do not last."""

from __future__ import annotations

import subprocess
from typing import ClassVar

from tests.servers.tree import INSIDE, TreeServer

MAIL_UID = 5000

_CONF = """
auth {{
  authentication clear;
  authentication generic:system;
  authorization clear;
  authorization system;
}};
mailbox {{
  mail-spool "{spool}";
  mailbox-type {store};
}};
namespace personal {{
  prefix "" {{
    directory "$home/Mail";
    delimiter "/";
    mailbox-type {store};
  }};
}};
logging {{ syslog yes; facility mail; }};
acl {{ allow any; }};
mode daemon;
foreground yes;
max-children 100;
tls {{
  ssl-certificate-file {inside}/{certificate};
  ssl-key-file {inside}/{key};
}};
server {host}:{port} {{ tls-mode ondemand; }};
server {host}:{tls_port} {{ tls-mode connection; }};
"""

_RUN = """
mount --bind {inside}/passwd /etc/passwd
chmod 600 {inside}/{key}
exec imap4d --config-file={inside}/imap4d.conf
"""


class Imap4d(TreeServer):
    """GNU imap4d with Maildir."""

    suite = "bookworm"
    packages = ("mailutils-imap4d",)
    store: ClassVar[str] = "maildir"

    def configure(self) -> str:
        """Write the configuration and the accounts, which are those of the tree's /etc/passwd."""
        if self.certificate is None:
            raise RuntimeError("launch() comes first")
        for name in ("spool", "home"):
            (self.directory / name).mkdir(exist_ok=True)
        (self.directory / "spool").chmod(0o1777)
        (self.directory / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        values = {
            "inside": INSIDE,
            "host": self.host,
            "port": self.port,
            "tls_port": self.tls_port,
            "certificate": self.certificate.cert_file.name,
            "key": self.certificate.key_file.name,
            "store": self.store,
            "spool": f"{self.store}:{INSIDE}/spool",
        }
        (self.directory / "imap4d.conf").write_text(_CONF.format(**values))
        return _RUN.format(**values)

    def create_account(self, user: str, password: str) -> None:
        """Add a line to the tree's passwd file and make the home folder."""
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"], input=password, check=True, capture_output=True, text=True
        ).stdout.strip()
        home = f"{INSIDE}/home/{user}"
        with (self.directory / "passwd").open("a") as file:
            file.write(f"{user}:{hashed}:{MAIL_UID}:{MAIL_UID}::{home}:/bin/sh\n")
        self.inside(f"mkdir -p {home}/Mail; chown -R {MAIL_UID}:{MAIL_UID} {home}")


class Imap4dMbox(Imap4d):
    """GNU imap4d with mbox files."""

    store = "mbox"
