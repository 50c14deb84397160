"""The servers of a benchmark and the accounts on them."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.servers.base import SCRATCH
from tests.servers.dovecot import Dovecot

from bench import mailboxes
from bench.engines import Account

if TYPE_CHECKING:
    from bench.corpus import Corpus

PASSWORD = "bench secret"  # noqa: S105 - accounts that live as long as the benchmark


class Stage:
    """A source server, a destination server for each set of missing extensions, and templates of corpora."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._destinations: dict[tuple[str, ...], Dovecot] = {}
        self._templates: dict[str, Path] = {}
        self.bytes_of: dict[str, int] = {}
        self.messages_of: dict[str, int] = {}

    def __enter__(self) -> Self:
        self.scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=SCRATCH))
        self._stack.callback(shutil.rmtree, self.scratch, ignore_errors=True)
        self.password_file = self.scratch / "password"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(PASSWORD + "\n")
        self.source = self._stack.enter_context(Dovecot())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def destination(self, without: tuple[str, ...]) -> Dovecot:
        """Return the destination server that lacks these extensions, started on first use."""
        if without not in self._destinations:
            self._destinations[without] = self._stack.enter_context(Dovecot(without=without))
        return self._destinations[without]

    def load(self, corpus: Corpus) -> None:
        """Write the corpus as the template of an account, unless it is there."""
        if corpus.name in self._templates:
            return
        user = self.source.add_user(f"template-{corpus.name}", PASSWORD)
        root = self.source.home(user) / "Maildir"
        self.bytes_of[corpus.name] = mailboxes.write_maildir(root, corpus)
        self.messages_of[corpus.name] = mailboxes.warm(self.source, user)
        self._templates[corpus.name] = root

    def forget(self, corpus: Corpus) -> None:
        """Remove the template of a corpus."""
        root = self._templates.pop(corpus.name, None)
        if root is not None:
            shutil.rmtree(root)

    def source_account(self, corpus: Corpus, user: str, *, implicit_tls: bool) -> Account:
        """Return an account on the source with the mail of the corpus, indexed."""
        self.source.add_user(user, PASSWORD)
        mailboxes.clone(self._templates[corpus.name], self.source.home(user) / "Maildir")
        mailboxes.warm(self.source, user)
        return self.account(self.source, user, implicit_tls=implicit_tls)

    def empty_account(self, server: Dovecot, user: str, *, implicit_tls: bool) -> Account:
        """Return an account on a destination with nothing in it."""
        server.add_user(user, PASSWORD)
        return self.account(server, user, implicit_tls=implicit_tls)

    def remove(self, server: Dovecot, user: str) -> None:
        """Free the memory that an account takes."""
        shutil.rmtree(server.home(user), ignore_errors=True)

    def account(self, server: Dovecot, user: str, *, implicit_tls: bool = False) -> Account:
        """Return how an engine reaches an account without a proxy."""
        return Account(
            host=server.host,
            port=server.tls_port if implicit_tls else server.port,
            user=user,
            password=PASSWORD,
            password_file=self.password_file,
            certificate=Path(server.ca_file),
            fingerprint=server.fingerprint,
            server_config=server.directory / "dovecot.conf",
        )
