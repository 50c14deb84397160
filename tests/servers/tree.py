"""Servers that cannot be installed beside Debian 12's Dovecot: each runs inside a Debian tree of its own.

A tree is made by mmdebstrap on first use (about 20 seconds) and kept in ``.cache/servers``. A server runs by
chroot in mount, process and host name spaces of its own, so that it leaves nothing behind: killing its first
process ends all.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from abc import abstractmethod
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tests.servers.base import ImapServer, free_port
from tests.servers.cache import made_once
from tests.servers.certificates import self_signed

if TYPE_CHECKING:
    from tests.servers.certificates import Certificate

#: Where the server's own directory is seen inside the tree.
INSIDE = "/srv"
HOST_NAME = "mail.example.test"
#: The kernel ends all processes of a name space well within this.
END_TIMEOUT_S = 10

#: Takes what programs send to syslog and prints it: the log of a server that has no other.
_LOGGER = """
import os, socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
open(sys.argv[2], "w").close()
while True:
    print(log.recv(65536).decode("utf-8", "replace"), flush=True)
"""

#: $1 tree, $2 directory of the server, $3 Python, $4 the logger; the rest runs inside the tree.
_START = f"""
set -e
hostname {HOST_NAME}
mount --bind "$2" "$1{INSIDE}"
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/dev"
for device in null zero random urandom; do
  touch "$1/dev/$device"
  mount --bind "/dev/$device" "$1/dev/$device"
done
mount -t tmpfs -o mode=755 tmpfs "$1/run"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
"$3" -c "$4" "$1/dev/log" "$2/.logging" &
until [ -e "$2/.logging" ]; do sleep 0.01; done
# Not exec: the first process of the name space has to stay root's, or it outlives its parent. The kernel
# forgets PR_SET_PDEATHSIG when a process changes its user, as Cyrus' master does.
chroot "$1" /bin/sh {INSIDE}/run.sh
exit $?
"""


class TreeServer(ImapServer):
    """A server inside a Debian tree; subclasses say which packages and how it runs."""

    suite: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    needs = ("mmdebstrap", "unshare")

    def __init__(self) -> None:
        super().__init__()
        self.certificate: Certificate | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def configure(self) -> str:
        """Write the configuration below self.directory; give the shell script that becomes the server.

        Inside, the directory is /srv. self.port, self.tls_port and the certificate are set.
        """

    def launch(self) -> None:
        """Make the tree if need be, choose ports, start the server inside."""
        tree = debian_tree(self.suite, self.packages)
        self.certificate = self_signed(self.directory)
        self.ca_file, self.fingerprint = str(self.certificate.cert_file), self.certificate.fingerprint
        self.port, self.tls_port = free_port(self.host), free_port(self.host)
        (self.directory / "run.sh").write_text(self.configure())
        name_spaces = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *name_spaces, "sh", "-c", _START, "start", str(tree),
                 str(self.directory), sys.executable, _LOGGER],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def shutdown(self) -> None:
        """Kill the first process of the name space: the kernel ends the others before it is gone itself."""
        process, self._process = self._process, None
        if process is None:
            return
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                os.kill(int(child), signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_TIMEOUT_S)
        process.kill()
        process.wait()

    def inside(self, script: str) -> None:
        """Run a shell script inside the tree, beside the server; raises CalledProcessError when it fails."""
        tree = shlex.quote(str(debian_tree(self.suite, self.packages)))
        mounts = f"hostname {HOST_NAME}; mount --bind {shlex.quote(str(self.directory))} {tree}{INSIDE}"
        command = f"{mounts}; chroot {tree} /bin/sh -ec {shlex.quote(script)}"
        subprocess.run(
            ["unshare", "--mount", "--uts", "--fork", "sh", "-ec", command], check=True, capture_output=True
        )


def debian_tree(suite: str, packages: tuple[str, ...]) -> Path:
    """Give the root folder of a Debian with these packages; made once, then kept.

    Raises CalledProcessError with mmdebstrap's words when it cannot be made.
    """
    digest = sha256(" ".join((suite, *packages)).encode()).hexdigest()[:12]
    return made_once(f"{packages[0]}-{digest}", lambda tree: make_tree(tree, suite, packages))


def make_tree(tree: Path, suite: str, packages: tuple[str, ...]) -> None:
    """Install a Debian with these packages into a folder."""
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}", suite, str(tree)],
        check=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
