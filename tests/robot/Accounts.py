"""Robot keywords about the mailboxes on both sides, from the accounts file, by an IMAP client of its own."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from devnode.imap_account import Login, Mailbox
from robot.api import logger
from robot.api.deco import keyword, library
from tests.servers.proxy import Proxy

from devnode import corpus


@library(scope="GLOBAL", auto_keywords=False)
class Accounts:
    """`local` accounts belong to the Mail module, `remote` ones to the server that mail is brought from."""

    def __init__(self, accounts_file: str) -> None:
        """Read who is where; the file's form is in README.md."""
        described = json.loads(Path(accounts_file).read_text())
        self._local: dict[str, Any] = described["local"]
        self._remote: dict[str, Any] = described["remote"]
        self._proxy: Proxy | None = None

    def _login(self, side: str, user: str) -> Login:
        server = self._local if side == "local" else self._remote
        return Login(server["host"], server["port"], user, server["passwords"][user])

    @keyword("Task data")
    def task_data(self, localuser: str, task_id: str, remote_user: str, **changes: object) -> str:
        """Give the JSON of a create-task that copies all folders; `changes` replace members."""
        members: dict[str, object] = {
            "localuser": localuser,
            "task_id": task_id,
            "remotehostname": self._remote["host"],
            "remoteport": self._remote["port"],
            "security": "tls",
            "remoteusername": remote_user,
            "remotepassword": self._remote["passwords"][remote_user],
            "delete_local": False,
            "delete_remote": False,
            "exclude": "",
            "cron": "",
            "foldersynchronization": "all",
        }
        return json.dumps(members | changes)

    @keyword("Remote setting")
    def remote_setting(self, name: str) -> Any:  # noqa: ANN401 - a JSON value
        """Give a member of the accounts file's `remote`, such as plain_host."""
        return self._remote[name]

    @keyword("Remote password")
    def remote_password(self, user: str) -> str:
        """Give the password of a remote account."""
        return str(self._remote["passwords"][user])

    @keyword("Local password")
    def local_password(self, user: str) -> str:
        """Give the password of a local user."""
        return str(self._local["passwords"][user])

    @keyword("Mail users")
    def mail_users(self) -> str:
        """Give the users of the Mail instance as its configure-module wants them, in JSON."""
        users = [{"user": user, "password": password} for user, password in self._local["passwords"].items()]
        return json.dumps(users)

    @keyword("Getmail accounts")
    def getmail_accounts(self, host: str) -> str:
        """Give a getmail.json of NethServer 7: every retriever, and records that are not complete."""

        def account(number: int, retriever: str, **props: str) -> dict[str, object]:
            base = {
                "Account": f"u{number}@example.org",
                "Server": host,
                "Username": f"r{number:02}",
                "Password": 'p"w, é',
                "Retriever": retriever,
            }
            return {"name": f"r{number:02}@example.net", "type": "getmail", "props": base | props}

        incomplete = account(7, "SimpleIMAPRetriever")
        incomplete["props"] = {"Account": "u7@example.org"}
        records = [
            account(1, "SimpleIMAPRetriever", Delete="-1", Time="5", status="enabled"),
            account(2, "SimpleIMAPSSLRetriever", Delete="7", Time="60", VirusCheck="enabled"),
            account(3, "SimplePOP3Retriever", Delete="0", Time="10"),
            account(4, "SimplePOP3SSLRetriever", Time="10"),
            account(5, "SimpleIMAPRetriever", Time="15", status="disabled"),
            account(6, "SimpleIMAPRetriever"),
            incomplete,
        ]
        return json.dumps(records)

    @keyword("Csv rows")
    def csv_rows(self, *pairs: str) -> str:
        """Give a CSV file with a row for each `localuser,remoteuser`; the passwords need quoting."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(
            ("localusername", "remoteusername", "remotepassword", "remotehostname", "remoteport", "security")
        )
        for pair in pairs:
            local, remote = pair.split(",")
            password = self._remote["passwords"][remote.lower()]
            writer.writerow((local, remote, password, self._remote["host"], self._remote["port"], "tls"))
        return text.getvalue()

    @keyword("Fill remote account")
    def fill(self, user: str, count: int, seed: int = 1, attachments: bool = False) -> None:
        """Replace what the remote account holds by `count` messages of the corpus."""
        with Mailbox(self._login("remote", user)) as mailbox:
            mailbox.empty()
            for path in corpus.FOLDERS:
                mailbox.create(path)
            for message in corpus.messages(count, seed=seed, attachments=attachments):
                mailbox.append(message.folder, message.content, message.flags, message.received_at)

    @keyword("Empty account")
    def empty(self, side: str, user: str) -> None:
        """Remove all messages and folders of an account."""
        with Mailbox(self._login(side, user)) as mailbox:
            mailbox.empty()

    @keyword("Deliver")
    def deliver(
        self,
        side: str,
        user: str,
        subject: str,
        folder: str = "INBOX",
        flags: str = "",
        *,
        days_old: int = 0,
        sender: str = "a@example.net",
        to: str = "",
    ) -> None:
        """Put a small message with that subject into a folder; it arrived so many days ago.

        to: whom its field To names, the account itself when "".
        """
        arrived = datetime.now(UTC) - timedelta(days=days_old)
        content = (
            f"Received: from a.example.net by b.example.net id {subject}; {format_datetime(arrived)}\r\n"
            f"Date: {format_datetime(arrived)}\r\n"
            f"From: {sender}\r\nTo: {to or user}\r\nSubject: {subject}\r\n"
            f"Message-ID: <{subject}.{user}>\r\n\r\nText of {subject}.\r\n"
        )
        path = tuple(folder.split("/"))
        with Mailbox(self._login(side, user)) as mailbox:
            mailbox.create(path)
            mailbox.append(path, content.encode(), flags.split(), arrived)

    @keyword("Move message")
    def move(self, side: str, user: str, subject: str, target: str, folder: str = "INBOX") -> None:
        """Move a message as its owner does."""
        with Mailbox(self._login(side, user)) as mailbox:
            mailbox.move(tuple(folder.split("/")), subject, tuple(target.split("/")))

    @keyword("Remove message")
    def remove(self, side: str, user: str, subject: str, folder: str = "INBOX") -> None:
        """Delete a message for good, as its owner does."""
        with Mailbox(self._login(side, user)) as mailbox:
            mailbox.remove(tuple(folder.split("/")), subject)

    @keyword("Add flags")
    def add_flags(self, side: str, user: str, uids: str, flags: str, folder: str = "INBOX") -> None:
        """Set flags on the messages of a UID set."""
        with Mailbox(self._login(side, user)) as mailbox:
            mailbox.add_flags(tuple(folder.split("/")), uids, flags)

    @keyword("Flags of account")
    def flags(self, side: str, user: str, folder: str = "INBOX") -> list[str]:
        """Give the flags of each message, in UID order, sorted and joined by spaces."""
        with Mailbox(self._login(side, user)) as mailbox:
            found = mailbox.flags(tuple(folder.split("/")))
        return [" ".join(sorted(found[uid])) for uid in sorted(found)]

    @keyword("Subjects of account")
    def subjects(self, side: str, user: str, folder: str = "INBOX") -> list[str]:
        """Give the subjects of a folder's messages, sorted; an absent folder has none."""
        path = tuple(folder.split("/"))
        with Mailbox(self._login(side, user)) as mailbox:
            return mailbox.subjects(path) if path in mailbox.folders() else []

    @keyword("Folders of account")
    def folders(self, side: str, user: str) -> list[str]:
        """Give the folders, levels joined by slashes."""
        with Mailbox(self._login(side, user)) as mailbox:
            return ["/".join(path) for path in mailbox.folders()]

    @keyword("Count messages")
    def count(self, side: str, user: str) -> int:
        """Give the number of messages of an account."""
        with Mailbox(self._login(side, user)) as mailbox:
            return sum(counts.total() for counts in mailbox.snapshot().values())

    @keyword("Accounts should be equal")
    def should_be_equal(self, remote_user: str, local_user: str) -> None:
        """Compare the accounts message by message: content, flags, internal date, as often on both sides."""
        with (
            Mailbox(self._login("remote", remote_user)) as remote,
            Mailbox(self._login("local", local_user)) as local,
        ):
            theirs, ours = remote.snapshot(), local.snapshot()
        # The Mail module makes these two by itself.
        for name in ("Junk", "Trash"):
            if (name,) not in theirs and not ours.get((name,)):
                ours.pop((name,), None)
        different = []
        for path in sorted(theirs.keys() | ours.keys()):
            missing = theirs.get(path, Counter()) - ours.get(path, Counter())
            extra = ours.get(path, Counter()) - theirs.get(path, Counter())
            if missing or extra or (path in theirs) != (path in ours):
                different.append(f"{'/'.join(path)}: {missing.total()} missing, {extra.total()} too many")
        if different:
            raise AssertionError("; ".join(different))
        logger.info(f"{sum(counts.total() for counts in ours.values())} messages in {len(ours)} folders")

    @keyword("Start slow link")
    def start_slow_link(self, bits_per_second: int) -> int:
        """Start a slow way to the remote server; give its port on the remote host's address."""
        self.stop_slow_link()
        proxy = Proxy(self._remote["host"], self._remote["port"], bits_per_second=bits_per_second)
        self._proxy = proxy.__enter__()
        return self._proxy.port

    @keyword("Set speed of link")
    def set_speed(self, bits_per_second: int) -> None:
        """Make the started link slower or faster; 0 takes the limit away."""
        if self._proxy is not None:
            self._proxy.limit(bits_per_second)

    @keyword("Cut link")
    def cut_link(self) -> None:
        """Break the connections over the started link."""
        if self._proxy is not None:
            self._proxy.cut()

    @keyword("Stop slow link")
    def stop_slow_link(self) -> None:
        """End the slow way; its connections break."""
        if self._proxy is not None:
            self._proxy.__exit__(None, None, None)
            self._proxy = None
