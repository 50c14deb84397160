"""Dovecot 2.3 as a test server, every extension switchable."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.base import START_TIMEOUT_S, ImapServer, free_port
from tests.servers.certificates import Certificate, self_signed
from tests.servers.client import Client, ClientError
from tests.servers.oauth import local_validation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Owner of mail files; needs no entry in /etc/passwd.
MAIL_UID = 5000
MASTER_USER = "vmail"

#: What Debian 12's Dovecot announces after login, the base from which `without` takes away.
CAPABILITIES = """
IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS
THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED
I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE
SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE
"""

_CONFIG = """
base_dir = {directory}/run
state_dir = {directory}/state
instance_name = {name}
log_path = {directory}/server.log
listen = {host}
protocols = imap{lmtp}
mail_location = {mail_location}
mail_uid = {uid}
mail_gid = {uid}
first_valid_uid = 1
mail_fsync = never
mail_max_userip_connections = {max_connections}
auth_mechanisms = plain login cram-md5 xoauth2 oauthbearer
auth_username_format = %Ln
auth_master_user_separator = *
auth_failure_delay = {failure_delay}
disable_plaintext_auth = {disable_plaintext}
ssl = {ssl}
{certificate}
mail_plugins = {plugins}
passdb {{
  driver = passwd-file
  master = yes
  args = scheme=PLAIN username_format=%Ln {directory}/master
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%Ln {directory}/users/%Ln
}}
userdb {{
  driver = passwd-file
  args = username_format=%Ln {directory}/users/%Ln
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
{mailboxes}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
  process_min_avail = 1
}}
{lmtp_service}
service anvil {{
  chroot =
  {penalty}
}}
service stats {{
  chroot =
}}
protocol imap {{
  mail_plugins = {plugins} {imap_plugins}
  {capability}
}}
plugin {{
  sieve = file:~/sieve;active=~/.dovecot.sieve
{quota}
}}
{extra_config}
"""

_LMTP = """
service lmtp {{
  inet_listener lmtp {{
    port = {port}
  }}
}}
protocol lmtp {{
  mail_plugins = $mail_plugins sieve
  postmaster_address = postmaster@example.org
  hostname = mail.example.org
}}
"""


def _wait_for_group(group: int, limit_s: float = 5.0) -> None:
    """Wait until no killed child of the master lives: till then one may hold its sockets.

    One that has ended holds nothing, and waits for whoever takes its exit code.
    """
    limit = time.monotonic() + limit_s
    while _lives(group) and time.monotonic() < limit:
        time.sleep(0.005)


def _lives(group: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state not in "ZX":
                return True
    return False


class Dovecot(ImapServer):
    r"""Dovecot 2.3 on tmpfs.

    without: capabilities that it does not announce. announce: further ones, such as "LITERAL-". separator,
    prefix: of the private namespace. store: "maildir", "sdbox" or "mdbox". tls: False: no TLS at all.
    required: no plaintext passwords before TLS. certificate: its own is made when None. sieve: FILTER=SIEVE.
    lmtp: take deliveries on lmtp_port, and run the users' Sieve scripts on them.
    quota_kib, quota_messages: limits a user, 0 for none. special_use: {"Sent": r"\Sent"}. penalty: keep
    Dovecot's growing delay after failed logins (off: tests are fast). extra_config: appended to the
    configuration. tokens: take access tokens of tests.servers.oauth. host: Dovecot takes clients from its own
    address for secure; use another 127.x.y.z where that matters. port, tls_port: free ones when 0. The master
    user is vmail, its password in master_password.
    """

    needs = ("dovecot",)

    def __init__(
        self,
        *,
        without: Iterable[str] = (),
        announce: Iterable[str] = (),
        separator: str = "/",
        prefix: str = "",
        store: str = "maildir",
        tls: bool = True,
        required: bool = False,
        certificate: Certificate | None = None,
        sieve: bool = False,
        lmtp: bool = False,
        quota_kib: int = 0,
        quota_messages: int = 0,
        special_use: Mapping[str, str] | None = None,
        penalty: bool = False,
        max_connections: int = 100,
        tokens: bool = False,
        extra_config: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
    ) -> None:
        super().__init__()
        self.host = host
        self.port = port
        self.tls_port = tls_port
        self.without = frozenset(without)
        self.announce = tuple(announce)
        self.separator = separator
        self.prefix = prefix
        self.store = store
        self.tls = tls
        self.required = required
        self.certificate = certificate
        self.sieve = sieve
        self.lmtp = lmtp
        self.lmtp_port = 0
        self.quota_kib = quota_kib
        self.quota_messages = quota_messages
        self.special_use = dict(special_use or {})
        self.penalty = penalty
        self.max_connections = max_connections
        self.tokens = tokens
        self.extra_config = extra_config
        self.master_password = "master secret"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def config_path(self) -> Path:
        """The configuration file, for doveadm -c."""
        return self.directory / "dovecot.conf"

    def launch(self) -> None:
        """Write the configuration and start `dovecot -F`; keeps its ports when started again."""
        for folder in ("users", "home"):
            (self.directory / folder).mkdir(exist_ok=True)
        os.chown(self.directory / "home", MAIL_UID, MAIL_UID)
        self._write_account("master", MASTER_USER, self.master_password, home=False)
        if self.tls and self.certificate is None:
            self.certificate = self_signed(self.directory)
        if self.tls and self.certificate is not None:
            self.ca_file, self.fingerprint = str(self.certificate.cert_file), self.certificate.fingerprint
        self.port = self.port or free_port(self.host)
        if self.tls:
            self.tls_port = self.tls_port or free_port(self.host)
        if self.lmtp:
            self.lmtp_port = self.lmtp_port or free_port(self.host)
        self.config_path.write_text(self._configuration())
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "dovecot", "-F", "-c", str(self.config_path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    def shutdown(self) -> None:
        """Kill master and children at once: a clean end takes Dovecot a second, and the mail is in memory."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            _wait_for_group(process.pid)

    def restart(self, certificate: Certificate | None = None) -> None:
        """Stop and start on the same ports with the same mail, with another certificate when given."""
        self.shutdown()
        self.certificate = certificate or self.certificate
        self.launch()
        self.wait_ready()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to master and children: stopped they hold their tongue, as behind a cut network."""
        if self._process is not None:
            os.killpg(self._process.pid, number)

    def create_account(self, user: str, password: str) -> None:
        """Write the account's own passwd file: it exists from this moment."""
        self._write_account(f"users/{user.partition('@')[0].lower()}", user, password, home=True)

    def change_password(self, user: str, password: str) -> None:
        """Give an account another password; when this returns, no login takes the one before.

        Dovecot looks at a file of passwords once a second at most, and takes the same time of change (whole
        seconds) and size for the same file.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        self.passwords[user] = password
        while True:
            self.create_account(user, password)
            with contextlib.suppress(ClientError), Client(self.host, self.port) as client:
                client.login(user, password)
                return
            assert time.monotonic() < deadline, "the new password is not taken"
            time.sleep(0.05)

    def remove_account(self, user: str) -> None:
        """Make the user unknown; the mail stays."""
        (self.directory / "users" / user.lower()).unlink()

    def set_sieve(self, user: str, script: str) -> None:
        """Activate a Sieve script of a user."""
        home = self.home(user)
        home.mkdir(exist_ok=True)
        path = home / ".dovecot.sieve"
        path.write_text(script)
        for entry in (home, path):
            os.chown(entry, MAIL_UID, MAIL_UID)

    def home(self, user: str) -> Path:
        """Give the home folder of a user; mail is below it."""
        return self.directory / "home" / user.partition("@")[0].lower()

    def doveadm(self, *arguments: str) -> str:
        """Run doveadm against this server and give its output."""
        command = ["doveadm", "-c", str(self.config_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _write_account(self, file: str, user: str, password: str, *, home: bool) -> None:
        name = user.partition("@")[0].lower()
        encoded = base64.b64encode(password.encode()).decode()
        fields = f"{MAIL_UID}:{MAIL_UID}::{self.directory}/home/{name}::" if home else ":::::"
        (self.directory / file).write_text(f"{name}:{{PLAIN.b64}}{encoded}:{fields}\n")

    def _configuration(self) -> str:
        certificate = ""
        if self.tls and self.certificate is not None:
            certificate = f"ssl_cert = <{self.certificate.cert_file}\nssl_key = <{self.certificate.key_file}"
        quota = ""
        if self.quota_kib or self.quota_messages:
            rules = [f"storage={self.quota_kib}K"] if self.quota_kib else []
            rules += [f"messages={self.quota_messages}"] if self.quota_messages else []
            quota = "  quota = count:User quota\n  quota_vsizes = yes\n  quota_grace = 0\n"
            quota += f"  quota_rule = *:{':'.join(rules)}"
        imap_plugins = ["imap_filter_sieve"] * self.sieve + ["imap_quota"] * bool(quota)
        return _CONFIG.format(
            directory=self.directory,
            name=self.directory.name,
            host=self.host,
            mail_location={
                "maildir": "maildir:~/Maildir",
                "sdbox": "sdbox:~/sdbox",
                "mdbox": "mdbox:~/mdbox",
            }[self.store],
            lmtp=" lmtp" if self.lmtp else "",
            lmtp_service=_LMTP.format(port=self.lmtp_port) if self.lmtp else "",
            uid=MAIL_UID,
            max_connections=self.max_connections,
            failure_delay="2 secs" if self.penalty else "0",
            disable_plaintext="yes" if self.required else "no",
            ssl="no" if not self.tls else "required" if self.required else "yes",
            certificate=certificate,
            plugins="quota" if quota else "",
            imap_plugins=" ".join(imap_plugins),
            separator=self.separator,
            prefix=self.prefix,
            mailboxes="\n".join(
                f"  mailbox {name} {{\n    special_use = {use}\n  }}"
                for name, use in self.special_use.items()
            ),
            port=self.port,
            tls_port=self.tls_port,
            penalty="" if self.penalty else "unix_listener anvil-auth-penalty {\n    mode = 0\n  }",
            capability=f"imap_capability = {self._capability_line()}"
            if self.without or self.announce
            else "",
            quota=quota,
            extra_config=self.extra_config
            + (local_validation(self.directory / "oauth") if self.tokens else ""),
        )

    def _capability_line(self) -> str:
        known = [*CAPABILITIES.split(), *(["FILTER=SIEVE"] if self.sieve else [])]
        if self.quota_kib or self.quota_messages:
            known.append("QUOTA")
        return " ".join([*(name for name in known if name not in self.without), *self.announce])
