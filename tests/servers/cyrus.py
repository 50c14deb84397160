"""Cyrus IMAP 3.6 of Debian 12: mailboxes made by an administrator, OBJECTID, LIST-STATUS."""

from __future__ import annotations

import shlex
from typing import ClassVar

from tests.servers.client import Client
from tests.servers.tree import HOST_NAME, INSIDE, TreeServer

ADMIN = "cyrus"
ADMIN_PASSWORD = "administrator"

_IMAPD_CONF = """
configdirectory: {inside}/conf
proc_path: {inside}/run/proc
mboxname_lockpath: {inside}/run/lock
defaultpartition: default
partition-default: {inside}/spool
servername: {name}
allowplaintext: yes
admins: {admin}
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {inside}/sasldb2
sasl_mech_list: PLAIN
tls_server_cert: {inside}/{certificate}
tls_server_key: {inside}/{key}
maxmessagesize: 0
{settings}
"""

_CYRUS_CONF = """
START {{
  recover cmd="ctl_cyrusdb -C {inside}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="imapd -C {inside}/imapd.conf" listen="{host}:{port}" prefork=1 maxchild=100
  imaps cmd="imapd -s -C {inside}/imapd.conf" listen="{host}:{tls_port}" prefork=0 maxchild=100
}}
EVENTS {{
}}
"""

_RUN = """
mkdir -p {inside}/conf/socket {inside}/conf/db {inside}/spool {inside}/run/proc {inside}/run/lock
echo {password} | saslpasswd2 -p -c -f {inside}/sasldb2 -u {name} {admin}
chown -R cyrus:mail {inside}/conf {inside}/spool {inside}/run {inside}/sasldb2 {inside}/{key}
exec /usr/lib/cyrus/bin/master -D -C {inside}/imapd.conf -M {inside}/cyrus.conf -p {inside}/run/master.pid
"""


class Cyrus(TreeServer):
    """Cyrus IMAP with its default capabilities, ``/`` between levels, folders beside INBOX.

    munge8bit is off: on, its default, it replaces raw 8-bit characters of headers by X.
    """

    suite = "bookworm"
    packages = ("cyrus-imapd", "sasl2-bin")
    separator = "/"
    settings: ClassVar[str] = "altnamespace: yes\nunixhierarchysep: yes\nmunge8bit: no"

    def configure(self) -> str:
        """Write imapd.conf and cyrus.conf; the databases are made inside."""
        if self.certificate is None:
            raise RuntimeError("launch() comes first")
        values = {
            "inside": INSIDE,
            "name": HOST_NAME,
            "host": self.host,
            "port": self.port,
            "tls_port": self.tls_port,
            "certificate": self.certificate.cert_file.name,
            "key": self.certificate.key_file.name,
            "admin": ADMIN,
            "password": ADMIN_PASSWORD,
            "settings": self.settings,
        }
        (self.directory / "imapd.conf").write_text(_IMAPD_CONF.format(**values))
        (self.directory / "cyrus.conf").write_text(_CYRUS_CONF.format(**values))
        return _RUN.format(**values)

    def create_account(self, user: str, password: str) -> None:
        """Set the password, then make the user's INBOX as the administrator."""
        set_password = f"saslpasswd2 -p -c -f {INSIDE}/sasldb2 -u {HOST_NAME} {shlex.quote(user)}"
        self.inside(f"printf %s {shlex.quote(password)} | {set_password}; chown cyrus {INSIDE}/sasldb2")
        with Client(self.host, self.port).login(ADMIN, ADMIN_PASSWORD) as admin:
            admin.command(f'CREATE "user{self.separator}{user}"'.encode())


class CyrusDebian(Cyrus):
    """Cyrus with the settings that Debian ships: ``.`` between levels, folders below INBOX, munge8bit on."""

    separator = "."
    settings = "altnamespace: no\nunixhierarchysep: no\nreject8bit: no"
