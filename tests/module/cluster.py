"""The rest of a cluster, as far as the module meets it: its Redis, a Mail instance, systemd's answers."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import redis
from tests.module.waiting import until
from tests.servers.base import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.module.conftest import Node

#: systemctl as far as the module calls it: its words are lines of `systemctl.words`, those in
#: `systemctl.fails` fail.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> "{home}/systemctl.words"
for word; do
    grep -qsx -e "$word" "{home}/systemctl.fails" && exit 3
done
exit 0
"""


@contextmanager
def redis_of(node: Node, directory: Path) -> Iterator[redis.Redis]:
    """Give the cluster's Redis, which the module's programs meet from now on."""
    port = free_port("127.0.0.1")
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    account = ["--user", "default", "on", ">default", "~*", "&*", "+@all"]
    server = subprocess.Popen(["redis-server", *words, *account], stdout=subprocess.DEVNULL)
    node.environ |= {
        "REDIS_ADDRESS": f"127.0.0.1:{port}",
        "REDIS_REPLICA_ADDRESS": f"127.0.0.1:{port}",
        "REDIS_USER": "default",
        "REDIS_PASSWORD": "default",
        "DEVNODE_API": f"redis://127.0.0.1:{port}",
    }
    rdb = redis.Redis(host="127.0.0.1", port=port, password="default", decode_responses=True)
    try:
        until(lambda: _answers(rdb))
        yield rdb
    finally:
        rdb.close()
        server.terminate()
        server.wait()


def _answers(rdb: redis.Redis) -> bool:
    try:
        return bool(rdb.ping())
    except redis.ConnectionError:
        return False


class Mail:
    """A Mail instance, announced in Redis; its agent gives `answers[action]`: exit code and output."""

    def __init__(self, rdb: redis.Redis, module: str, uuid: str) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[str] = []
        self._rdb = rdb
        self._agent = f"module/{module}"
        rdb.hset("cluster/module_uuid", module, uuid)
        self.move("10.5.4.1")

    def move(self, host: str) -> None:
        """Announce another address."""
        self._rdb.hset(f"{self._agent}/srv/tcp/imap", mapping={"host": host, "mail_hostname": "mail.test"})

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Serve tasks until the block ends."""
        ended = threading.Event()
        rdb = redis.Redis(
            **self._rdb.get_connection_kwargs() | {"client_name": self._agent}  # as submitters look for it
        )
        rdb.ping()
        serving = threading.Thread(target=self._serve, args=(rdb, ended))
        serving.start()
        try:
            yield
        finally:
            ended.set()
            serving.join()
            rdb.close()

    def _serve(self, rdb: redis.Redis, ended: threading.Event) -> None:
        while not ended.is_set():
            given = rdb.brpop([f"{self._agent}/tasks"], timeout=0.1)
            if not isinstance(given, list | tuple):
                continue
            task = json.loads(given[1])
            self.asked.append(task["action"])
            code, output = self.answers.get(task["action"], (1, ""))
            text = output if isinstance(output, str) else json.dumps(output)
            results: dict[str, str | int] = {"output": text, "error": "", "exit_code": code}
            prefix = f"task/{self._agent}/{task['id']}"
            rdb.mset({f"{prefix}/{name}": value for name, value in results.items()})
            progress = f"progress/{self._agent}/task/{task['id']}"
            rdb.publish(progress, json.dumps({"status": "completed"}))


def systemctl(node: Node, *failing: str) -> None:
    """Give the instance a systemctl that fails with these words."""
    path = node.home / "bin" / "systemctl"
    path.write_text(SYSTEMCTL.format(home=node.home))
    path.chmod(0o755)
    (node.home / "systemctl.fails").write_text("".join(f"{word}\n" for word in failing))
    (node.home / "systemctl.words").write_text("")


def asked_of_systemd(node: Node) -> list[str]:
    """Give what systemctl was called with since `systemctl`, without the words that each call has."""
    lines = (node.home / "systemctl.words").read_text().splitlines()
    return [
        line.replace("--user ", "").replace("--quiet ", "").replace(" imapsync.service", "") for line in lines
    ]
