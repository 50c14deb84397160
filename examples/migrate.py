#!/usr/bin/env python3
"""Migrate the accounts of a CSV file with the library, as in ``python3 migrate.py accounts.csv``.

Columns: host1, user1, password1, host2, user2, password2. Prints a line an account; the exit code is 1 when
one of them is not complete.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from imapsync import Account, Credentials, Endpoint, Options, Secret, SyncError, sync


def account(row: dict[str, str], side: str) -> Account:
    """Give one side of a row."""
    host, _, port = row[f"host{side}"].partition(":")
    endpoint = Endpoint(host, int(port)) if port else Endpoint(host)
    return Account(endpoint, Credentials(row[f"user{side}"], Secret(row[f"password{side}"])))


def main(path: str) -> int:
    """Sync row after row; give the exit code."""
    all_complete = True
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = f"{row['user1']} -> {row['user2']}"
            options = Options(state=str(Path(path).with_name(f"{row['user1']}-{row['user2']}.state")))
            try:
                result = sync(account(row, "1"), account(row, "2"), options)
            except SyncError as error:
                all_complete = False
                print(f"{name}: {error}")
                continue
            all_complete = all_complete and result.complete
            print(f"{name}: {result.transferred} copied, {result.skipped} there already, {result.exit_name}")
            for failure in result.failures:
                print(f"  not copied: {failure}")
    return 0 if all_complete else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
