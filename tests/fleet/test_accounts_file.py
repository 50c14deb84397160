"""The accounts file in all its forms, and every sentence about a wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imapsync.cli.errors import InputError, UsageError
from imapsync_fleet.accounts import read_accounts

if TYPE_CHECKING:
    from pathlib import Path

    from imapsync_fleet.accounts import Account

HOSTS = ("--host1", "old.example", "--host2", "new.example")


def read(folder: Path, text: str, *general: str, mode: int = 0o600) -> list[Account]:
    path = folder / "accounts"
    path.write_text(text)
    path.chmod(mode)
    return read_accounts(str(path), general)


FORMS = {
    "the manual's loop": "anna;old pw;anna.b;new;pw\n".replace("new;pw", '"new;pw"'),
    "a comma": 'anna,old pw,anna.b,"new;pw"\n',
    "a tab": "anna\told pw\tanna.b\tnew;pw\n",
    "both hosts": 'old.example;anna;old pw;new.example;anna.b;"new;pw";\n',
    "a line of names": 'User1;Password1;--user2;password2\n\n# a comment\nanna;old pw;anna.b;"new;pw"\n',
    "objects": '{"user1": "anna", "password1": "old pw", "user2": "anna.b", "password2": "new;pw"}\n',
    "a byte order mark": '\ufeffanna;old pw;anna.b;"new;pw"\r\n',
}


@pytest.mark.parametrize("form", FORMS)
def test_an_account_is_read_wrongly(tmp_path: Path, form: str) -> None:
    (account,) = read(tmp_path, FORMS[form], *HOSTS)
    assert (account.host, account.user) == ("old.example", "anna")
    assert account.shown == "anna@old.example -> anna.b@new.example"
    assert {"--password1=old pw", "--password2=new;pw"} <= set(account.words)
    assert account.name.startswith("anna_anna.b_")
    assert "pw" not in account.name


def test_a_quotation_mark_in_a_password_is_lost(tmp_path: Path) -> None:
    (account,) = read(tmp_path, 'anna;o"ld;anna;n"ew\n', *HOSTS)
    assert {'--password1=o"ld', '--password2=n"ew'} <= set(account.words)


def test_flags_lists_and_numbers_of_a_row(tmp_path: Path) -> None:
    text = (
        '{"user1": "a", "password1": "p", "user2": "a", "password2": "p", "port1": 1143, "ssl1": false, '
        '"delete2": true, "folder": ["INBOX", "Work"], "noautomap": true}\n'
    )
    (account,) = read(tmp_path, text, *HOSTS)
    own = account.words[len(HOSTS) :]
    assert own[4:] == (
        "--port1=1143", "--nossl1", "--delete2", "--folder=INBOX", "--folder=Work", "--noautomap",
    )  # fmt: skip


def test_further_options_of_a_row_are_split_as_a_shell_does(tmp_path: Path) -> None:
    (account,) = read(tmp_path, "old.example;a;p;new.example;a;p;--folder 'My Mail' --delete2\n")
    assert account.words[-3:] == ("--folder", "My Mail", "--delete2")


def test_places_in_the_words_for_all_are_filled(tmp_path: Path) -> None:
    path = tmp_path / "accounts"
    path.write_text("user1;user2;password2\no'neil;b;p\n")
    path.chmod(0o600)
    words = (*HOSTS, "--subfolder2", "Old {user1}", "--tokencommand1", "get-token {user1} {host1}")
    (account,) = read_accounts(str(path), words)
    assert "Old o'neil" in account.words
    assert "get-token 'o'\"'\"'neil' old.example" in account.words
    (account,) = read_accounts(str(path), HOSTS, ("pass show {user1}", "never"))
    assert account.commands == ("pass show 'o'\"'\"'neil'", "")


def test_two_lines_of_one_account_with_folders_of_their_own(tmp_path: Path) -> None:
    text = "user1;password1;user2;password2;folder\na;p;a;p;INBOX\na;p;a;p;Work\n"
    one, other = read(tmp_path, text, *HOSTS)
    assert one.name != other.name


def test_a_changed_password_begins_the_account_anew(tmp_path: Path) -> None:
    (one,) = read(tmp_path, "a;p;a;p\n", *HOSTS)
    (other,) = read(tmp_path, "a;q;a;q\n", *HOSTS)
    (third,) = read(tmp_path, "a;q;a;q\n", *HOSTS, "--delete2")
    assert one.fingerprint == other.fingerprint != third.fingerprint
    assert one.name == other.name == third.name


WRONG = {
    "a;p;a\n": "Line 1 of '{}': it has 3 fields; wanted is user1;password1;user2;password2 or ",
    "a;p;a;p\n\na;p;a;p\n": "Line 3 of '{}': it is the same account as line 1",
    "user1;password1;user2;password2\n;p;a;p\n": "Line 2 of '{}': --user1 is missing",
    "user1;user2;password2\na;a;p\n": "Line 2 of '{}': --password1 is missing",
    "user1;password1;user2;password2;colour\na;p;a;p;red\n": "Unknown option: --colour.",
    "user1;password1;user2;password2\na;p;a;p;more\n": "it has 5 fields, the line of names has 4",
    "user1;password1;user2;password2;delete2\na;p;a;p;maybe\n": "'maybe' of delete2 is neither yes nor no",
    "user1;password1;user2;password2;port1\na;p;a;p;imap\n": "port1",
    "user1;password1;user2;password2;logfile\na;p;a;p;x\n": "--logfile is not for an account of a fleet",
    "old;a;p;new;a;p;--folder 'x\n": "a quotation that does not end",
    '{"user1": "a"\n': "Line 1 of '{}': it is no JSON object",
    '{"user1": {"a": 1}}\n': "the member 'user1' is neither text nor a number",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_line_is_told_with_its_number(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as told:
        read(tmp_path, text, *HOSTS)
    assert WRONG[text].format(tmp_path / "accounts") in str(told.value)
    assert ";p;" not in str(told.value)


def test_a_file_with_passwords_that_others_can_read_is_taken(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds passwords and others can read it: chmod 600"):
        read(tmp_path, "a;p;a;p\n", *HOSTS, mode=0o640)
    text = "user1;passfile1;user2;passfile2\na;/run/one;a;/run/two\n"
    assert len(read(tmp_path, text, *HOSTS, mode=0o644)) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "names no account"), (b"# none\n", "names no account"), (b"a;\xff;b;c\n", "is not UTF-8 text")],
)
def test_a_file_that_is_none(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "accounts"
    path.write_bytes(content)
    with pytest.raises(InputError, match=told):
        read_accounts(str(path), HOSTS)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path, told in (
        ("/no/file", "No such file"),
        (str(tmp_path), "Is a directory"),
        ("/dev/null", "no plain"),
    ):
        with pytest.raises(InputError, match=told):
            read_accounts(path, HOSTS)
