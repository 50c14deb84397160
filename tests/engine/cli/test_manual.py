"""The man page and the completions: made from the option table, and good for their readers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from imapsync.cli.manual import DIRECTORIES, FILES, PAGES, man_page
from imapsync.cli.options import TABLE, Status

SHARE = Path(__file__).parents[3] / "share"
BY_NAME = {option.name: option for option in TABLE}


@pytest.mark.parametrize("name", PAGES)
def test_the_files_are_made_from_the_table(name: str) -> None:
    written = (SHARE / name).read_text()
    assert written == PAGES[name](), "run: python -m imapsync.cli.help docs/options.md"


@pytest.mark.parametrize("name", ["imapsync", "_imapsync", "imapsync.fish", "imapsync.1"])
def test_every_option_that_works_is_in(name: str) -> None:
    text = (SHARE / name).read_text().replace("\\-", "-")
    for option in TABLE:
        if option.status is Status.DONE:
            assert option.name in text


def test_file_options_are_real_options_with_a_value() -> None:
    for name in FILES | DIRECTORIES:
        assert BY_NAME[name].takes_value


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_the_man_page_has_warnings() -> None:
    done = subprocess.run(
        ["man", "--warnings", "--encoding=UTF-8", "-l", "-"],
        input=man_page(), capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANROFFSEQ": ""},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "--host1 str" in done.stdout
    assert "EX_USAGE: command line usage error." in " ".join(done.stdout.split())


def complete(*words: str) -> list[str]:
    """Ask bash what it proposes for the last of the words of a command line."""
    script = (
        f'source {SHARE / "imapsync"}; compopt() {{ :; }}; COMP_WORDS=(imapsync "$@"); '
        'COMP_CWORD=$#; _imapsync; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_bash_proposes_nothing_useful(tmp_path: Path) -> None:
    assert complete("--passf") == ["--passfile1", "--passfile2"]
    assert complete("--noauto") == ["--noautomap"]
    (tmp_path / "secret.txt").write_text("")
    assert complete("--passfile1", f"{tmp_path}/sec") == [f"{tmp_path}/secret.txt"]
    assert complete("--host1", "") == []


@pytest.mark.parametrize(("shell", "name"), [("zsh", "_imapsync"), ("fish", "imapsync.fish")])
def test_a_shell_does_not_understand_its_file(shell: str, name: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "--no-execute" if shell == "fish" else "-n", str(SHARE / name)], check=True)
