"""Courier IMAP 5 of Debian 12: INBOX. prefix, no LITERAL+, MULTIAPPEND, CONDSTORE, LIST-EXTENDED."""

from __future__ import annotations

import os
import subprocess

from tests.servers.tree import INSIDE, TreeServer

#: Of the user mail: the file watcher that Courier asks wants an owner with a name.
MAIL_UID = 8

_RUN = """
set -e
mkdir -p /run/courier/authdaemon
chown -R courier:courier /run/courier
mount --bind {inside}/etc /etc/courier
sed -i 's/^authmodulelist=.*/authmodulelist="authuserdb"/' /etc/courier/authdaemonrc
cat {inside}/{certificate} {inside}/{key} > /etc/courier/imapd.pem
chown courier:courier /etc/courier /etc/courier/imapd.pem
touch /etc/courier/userdb
chmod 600 /etc/courier/userdb /etc/courier/imapd.pem
makeuserdb
/usr/lib/courier/courier-authlib/authdaemond &
until [ -S /run/courier/authdaemon/socket ]; do sleep 0.01; done
set -a
. /etc/courier/imapd
. /etc/courier/imapd-ssl
IMAP_STARTTLS=YES
IMAP_TLS_REQUIRED=0
IMAP_EMPTYTRASH=
MAXDAEMONS=100
unset TLS_CACHEFILE TLS_DHPARAMS
makeimapaccess
tcpd="couriertcpd -address={host} -maxprocs=100 -maxperip=100 -nodnslookup"
tcpd="$tcpd -access=/etc/courier/imapaccess.dat"
login="/usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir"
IMAP_TLS=1 $tcpd -noidentlookup {tls_port} /usr/bin/couriertls -server -tcpd $login &
exec $tcpd -noidentlookup {port} $login
"""


class Courier(TreeServer):
    """Courier IMAP with its default capabilities and keywords."""

    suite = "bookworm"
    packages = ("courier-imap",)

    def configure(self) -> str:
        """Copy the tree's configuration, to be changed inside."""
        if self.certificate is None:
            raise RuntimeError("launch() comes first")
        (self.directory / "home").mkdir(exist_ok=True)
        (self.directory / "etc").mkdir(exist_ok=True)
        copy = f"cp -a /etc/courier/. {INSIDE}/etc/; rm -f {INSIDE}/etc/userdb*"
        self.inside(copy)
        return _RUN.format(
            inside=INSIDE,
            host=self.host,
            port=self.port,
            tls_port=self.tls_port,
            certificate=self.certificate.cert_file.name,
            key=self.certificate.key_file.name,
        )

    def create_account(self, user: str, password: str) -> None:
        """Add a line to Courier's user database and make the Maildir."""
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"], input=password, check=True, capture_output=True, text=True
        ).stdout.strip()
        home = f"{INSIDE}/home/{user}"
        fields = f"uid={MAIL_UID}|gid={MAIL_UID}|home={home}|mail={home}/Maildir|imappw={hashed}"
        database = self.directory / "etc" / "userdb"
        database.write_text(database.read_text() + f"{user}\t{fields}\n")
        (self.directory / "home" / user).mkdir()
        own = f"chown -R {MAIL_UID}:{MAIL_UID} {home}"
        self.inside(
            f"mount --bind {INSIDE}/etc /etc/courier; makeuserdb; maildirmake.courier {home}/Maildir; {own}"
        )
        os.chmod(database, 0o600)
