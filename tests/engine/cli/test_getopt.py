"""Words become options as in Perl's Getopt::Long; where Perl is installed, by comparison with it."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapsync.cli.getopt import Parser
from imapsync.cli.options import TABLE
from imapsync.cli.options.model import Kind, Option

SMALL = (
    Option("dry", Kind.FLAG, "g", "", negatable=True),
    Option("drift", Kind.FLAG, "g", ""),
    Option("host1", Kind.TEXT, "g", ""),
    Option("host2", Kind.TEXT, "g", ""),
    Option("folder", Kind.TEXT, "g", "", repeat=True),
    Option("foldersizes", Kind.FLAG, "g", "", negatable=True),
    Option("foldersizesatend", Kind.FLAG, "g", "", negatable=True),
    Option("port1", Kind.INT, "g", ""),
    Option("maxage", Kind.FLOAT, "g", ""),
    Option("password1", Kind.TEXT, "g", "", secret=True),
    Option("help", Kind.FLAG, "g", "", aliases=("h",)),
)
PERL = shutil.which("perl")
PERL_SCRIPT = r"""
use Getopt::Long; my %v; my @f; $SIG{__WARN__} = sub {};
my $ok = GetOptions(\%v, 'dry!', 'drift', 'host1=s', 'host2=s', 'folder=s@', 'foldersizes!',
'foldersizesatend!',
    'port1=i', 'maxage=f', 'password1=s', 'help|h');
print +($ok && !@ARGV) ? 'ok' : 'bad', "\n";
for my $k (sort keys %v) { print $k, '=', ref $v{$k} ? join('|', @{$v{$k}}) : $v{$k}, "\n" }
"""


def read(*words: str) -> dict[str, object]:
    parsed, problems = Parser(SMALL).read(words)
    assert problems == []
    return {**parsed.values, **parsed.lists}


def problems_of(*words: str) -> list[str]:
    return Parser(SMALL).read(words)[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--dry"], {"dry": True}),
        (["-dry"], {"dry": True}),
        (["--nodry"], {"dry": False}),
        (["--no-dry"], {"dry": False}),
        (["-no-dry"], {"dry": False}),
        (["--NoDry"], {"dry": False}),
        (["--dry", "--nodry"], {"dry": False}),
        (["--nodry", "--dry"], {"dry": True}),
        (["--dr", "--host1=a"], None),  # dry or drift
        (["--dri"], {"drift": True}),
        (["--host1", "a"], {"host1": "a"}),
        (["--HOST1", "A"], {"host1": "A"}),
        (["--host1=a=b"], {"host1": "a=b"}),
        (["--host1="], {"host1": ""}),
        (["--host1", ""], {"host1": ""}),
        (["--host1", "--host2", "--host2", "b"], {"host1": "--host2", "host2": "b"}),
        (["--host1", "--"], {"host1": "--"}),
        (["--host1", "a", "--host1", "b"], {"host1": "b"}),
        (["--folder", "a", "--folder=b", "--fOlder", "a"], {"folder": ["a", "b", "a"]}),
        (["--nofoldersizes"], {"foldersizes": False}),
        (["--nofoldersizesa"], {"foldersizesatend": False}),
        (["--port1", "143"], {"port1": 143}),
        (["--port1=-5"], {"port1": -5}),
        (["--port1", "-5"], {"port1": -5}),
        (["--port1", "1_000"], {"port1": 1000}),
        (["--maxage", "2"], {"maxage": 2.0}),
        (["--maxage", "1.5e1"], {"maxage": 15.0}),
        (["--maxage", ".5"], {"maxage": 0.5}),
        (["--h"], {"help": True}),
        (["--dry", "--"], {"dry": True}),
        ([], {}),
    ],
)
def test_words_are_read(words: list[str], expected: dict[str, object] | None) -> None:
    if expected is None:
        assert problems_of(*words)
    else:
        assert read(*words) == expected


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--fold", "x"], ["--fold is ambiguous", "--folder,", "--foldersizes,"]),
        (["--host", "x"], ["--host1, --host2"]),
        (["--nofoldersi"], ["--nofoldersizes, --nofoldersizesatend"]),
        (["--hosst1", "x"], ["Unknown option: --hosst1", "Did you mean --host1?"]),
        (["--zzz"], ["Unknown option: --zzz", "--help"]),
        (["--nohost1"], ["Unknown option: --nohost1"]),
        (["--port1", "imap"], ["--port1: 'imap'", "a whole number"]),
        (["--port1", "1" * 40], ["--port1"]),
        (["--port1="], ["--port1", "a whole number"]),
        (["--maxage", "week"], ["--maxage: 'week'", "a number"]),
        (["--maxage", "1e999"], ["--maxage"]),
        (["--maxage", "nan"], ["--maxage"]),
        (["--port1"], ["--port1 needs a value"]),
        (["--dry=yes"], ["--dry takes no value", "=yes"]),
        (["stray"], ["'stray' is not an option"]),
        (["--dry", "--", "stray"], ["'stray' is not an option"]),
        (["-"], ["'-' is not an option"]),
        (["--host1", "a\0b"], ["--host1"]),
    ],
)
def test_problems_name_the_option_and_what_would_be_right(words: list[str], parts: list[str]) -> None:
    text = " ".join(problems_of(*words))
    for part in parts:
        assert part in text


def test_all_problems_are_told_at_once() -> None:
    assert len(problems_of("--zzz", "--port1", "x", "stray")) == 3


def test_a_password_with_blanks_that_lost_its_quotes_is_not_repeated() -> None:
    said = " ".join(problems_of("--password1", "my", "secret", "words"))
    assert "secret" not in said
    assert "words" not in said
    assert "--password1" in said


def test_a_misspelled_password_option_does_not_show_its_value() -> None:
    assert "hunter2" not in " ".join(
        problems_of("--passwrod1", "hunter2") + problems_of("--passwrod1=hunter2")
    )


def test_control_characters_are_not_repeated() -> None:
    assert "\x1b" not in " ".join(problems_of("--x\x1b[2J") + problems_of("a\x1b[2J"))


def test_secrets_are_found_wherever_they_stand() -> None:
    words = ["--password1", "a", "--PASSWORD1=b", "-passw", "c", "--dry"]
    assert Parser(SMALL).secret_words(words) == {1: 0, 2: 12, 4: 0}


def test_every_name_of_the_real_table_is_reachable_and_unique() -> None:
    parser = Parser(TABLE)
    names = [name for option in TABLE for name in (option.name, *option.aliases)]
    assert len(names) == len(set(names))
    for option in TABLE:
        value = {Kind.INT: "1", Kind.FLOAT: "1", Kind.PAIR: "a=b"}.get(option.kind, "x")
        words = [f"--{option.name}", value] if option.takes_value else [f"--{option.name}"]
        parsed, problems = parser.read(words)
        assert problems == []
        assert list(parsed.names()) == [option.name]


_WORD_LIST = """--dry --nodry --no-dry -dri --host1 --host2 --folder --fold --foldersizes --nofoldersizes
--port1 --maxage --port1=3 --host1=x --folder=a --HOST2=y -h --help --drift --hos 12 x -7 1.5 --zzz 1_0 -"""
WORDS = st.one_of(
    st.sampled_from(_WORD_LIST.split()),
    st.text("ab1-=._", max_size=6),
)


@given(st.lists(WORDS, max_size=6))
def test_any_words_give_options_or_sentences(words: list[str]) -> None:
    parsed, problems = Parser(SMALL).read(words)
    assert all(problem.endswith((".", "?")) for problem in problems)
    assert set(parsed.names()) <= {option.name for option in SMALL}


@pytest.mark.skipif(PERL is None, reason="compares with Perl's own Getopt::Long: install perl to enable")
def test_the_result_is_that_of_getopt_long() -> None:
    lines = [
        "--dry --host1 a --folder x --folder y",
        "-dry -host1=a --nofoldersizes",
        "--no-dry --dri --port1 3 --maxage 2.5",
        "--HOST1 A --Folder=B --fOLDER c",
        "--host1 --dry",
        "--port1 x",
        "--port1 -3",
        "--port1=0x10",
        "--maxage .5 --maxage 1e3",
        "--foldersizesat --nofoldersizes",
        "--fold x",
        "--nofold",
        "--host1",
        "--zzz --dry",
        "--dry=1",
        "--nodrift",
        "stray --dry",
        "--dry -- stray",
        "--dry --",
        "--help --h",
        "--host1 a --host1 b",
        "--port1 1_000",
        "--maxage 1_0",
        "--maxage 1.",
        "- --dry",
    ]
    for line in lines:
        words = line.split()
        done = subprocess.run(
            [str(PERL), "-e", PERL_SCRIPT, "--", *words], capture_output=True, text=True, check=True
        )
        verdict, *values = done.stdout.splitlines()
        parsed, problems = Parser(SMALL).read(words)
        assert (verdict == "ok") == (not problems), line
        if not problems:
            theirs = dict(value.split("=", 1) for value in values)
            ours = {name: _perlish(value) for name, value in {**parsed.values, **parsed.lists}.items()}
            assert _numbers(ours) == _numbers(theirs), line


def _perlish(value: object) -> str:
    if isinstance(value, list):
        return "|".join(value)
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def _numbers(values: dict[str, str]) -> dict[str, object]:
    return {
        name: float(value.replace("_", "")) if name in ("port1", "maxage") else value
        for name, value in values.items()
    }


def test_empty_words_are_passed_over() -> None:
    parsed, problems = Parser(TABLE).read(["", "--host1", "a", "", "--dry", ""])
    assert problems == []
    assert parsed.text("host1") == "a"
    assert parsed.flag("dry")


@pytest.mark.parametrize(
    ("words", "flag", "choice"),
    [
        (["--verify"], True, None),
        (["--verify=headers"], True, None),
        (["--verify=content"], True, "content"),
        (["--veri=content"], True, "content"),
        (["--verify=content", "--verify"], True, None),
        (["--verify=content", "--noverify"], False, None),
    ],
)
def test_a_flag_may_be_given_with_one_of_its_words(words: list[str], flag: bool, choice: str | None) -> None:
    parsed, problems = Parser(TABLE).read(words)
    assert problems == []
    assert (parsed.flag("verify"), parsed.choice("verify")) == (flag, choice)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--verify=bodies"], "'bodies' is none of its words: --verify=headers or --verify=content"),
        (["--verify="], "'' is none of its words"),
        (["--noverify=content"], "--verify takes no value"),
        (["--verify", "content"], "'content' is not an option"),
    ],
)
def test_another_word_behind_a_flag_is_refused(words: list[str], told: str) -> None:
    (problem,) = Parser(TABLE).read(words)[1]
    assert told in problem
