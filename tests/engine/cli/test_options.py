"""The table of options is complete, explained, and the same as its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imapsync.cli.errors import UsageError
from imapsync.cli.getopt import Parsed, Parser
from imapsync.cli.help import help_text, spelled, with_tables
from imapsync.cli.options import TABLE, Kind, Option, Status
from imapsync.cli.presets import PRESETS
from imapsync.cli.values import complete

PAGE = Path(__file__).parents[3] / "docs" / "options.md"

#: Every option that the original documents.
_ORIGINAL_NAMES = """
dry host1 port1 user1 password1 host2 port2 user2 password2 showpasswords passfile1 passfile2 nossl1 ssl1
nossl2 ssl2 notls1 tls1 notls2 tls2 debugssl sslargs1 sslargs2 authmech1 authmech2 authuser1 authuser2
proxyauth1 proxyauth2 authmd51 authmd52 domain1 domain2 oauthaccesstoken1 oauthaccesstoken2 oauthdirect1
oauthdirect2 folder folderrec folderfirst folderlast nomixfolders skipemptyfolders include exclude automap
f1f2 subfolder2 subfolder1 subscribed subscribe subscribeall prefix1 prefix2 sep1 sep2 regextrans2
nofoldersizes nofoldersizesatend justfoldersizes tmpdir pidfile pidfilelocking nolog logfile logdir skipmess
skipcrossduplicates noskipcrossduplicates debugcrossduplicates pipemess disarmreadreceipts regexmess
truncmess synclabels nosynclabels resynclabels noresynclabels regexflag resyncflags noresyncflags
filterbuggyflags delete1 noexpungeaftereach expunge1 noexpunge1 delete1emptyfolders delete2 uidexpunge2
delete2duplicates delete2folders delete2foldersonly delete2foldersbutnot noexpunge2 nouidexpunge2
syncinternaldates idatefromheader maxsize minsize maxage minage search search1 search2 noabletosearch
noabletosearch1 noabletosearch2 maxlinelength useheader syncduplicates usecache nousecache useuid syncacls
nosyncacls addheader debug debugfolders debugcontent debugflags debugimap1 debugimap2 debugimap debugmemory
errorsmax tests testslive testslive6 gmail1 gmail2 office1 office2 exchange1 exchange2 domino1 domino2
timeout1 timeout2 keepalive1 nokeepalive1 keepalive2 nokeepalive2 maxmessagespersecond maxbytespersecond
maxbytesafter maxsleep abort exitwhenover version noreleasecheck releasecheck emailreport1 emailreport2
noemailreport1 noemailreport2 noid justconnect justlogin justfolders help
"""
#: What scripts around the original pass.
_WRAPPER_NAMES = """
noauthmd5 allowsizemismatch skipsize fastio1 fastio2 nofastio1 buffersize split1 split2 reconnectretry1
timeout ssl tls nossl notls nousecache delete expunge1 noexpunge1 delete1older setflag1 sievedelivery2
nofixslash2 nocheckselectable nofilterflags nowholeheaderifneeded noreleasecheck compress1
"""
ORIGINAL, WRAPPERS = _ORIGINAL_NAMES.split(), _WRAPPER_NAMES.split()

BY_NAME = {option.name: option for option in TABLE}


def value_for(option: Option) -> list[str]:
    if not option.takes_value:
        return []
    return [{Kind.INT: "1", Kind.FLOAT: "1", Kind.PAIR: "a=b", Kind.REGEX: "s/a/b/"}.get(option.kind, "x")]


@pytest.mark.parametrize("name", ORIGINAL + WRAPPERS)
def test_every_known_option_is_understood(name: str) -> None:
    parser = Parser(TABLE)
    option = parser.find(name).option
    parsed, problems = parser.read([f"--{name}", *value_for(option)])
    assert problems == []
    assert list(parsed.names()) == [option.name]


@pytest.mark.parametrize("option", TABLE, ids=lambda option: option.name)
def test_every_option_is_explained(option: Option) -> None:
    assert option.help.endswith(".")
    assert option.name == option.name.lower()
    assert re.fullmatch(r"[a-z0-9_]+", option.name)
    if option.status is not Status.DONE or option.refused_negated:
        assert option.note
    if option.refused_negated:
        assert option.negatable
    if option.repeat:
        assert option.kind in (Kind.TEXT, Kind.REGEX, Kind.COMMAND, Kind.PAIR)


def test_the_page_is_made_from_the_table() -> None:
    page = PAGE.read_text()
    assert with_tables(page) == page, "run: python -m imapsync.cli.help docs/options.md"


def test_help_names_every_option() -> None:
    text = help_text()
    for option in TABLE:
        assert spelled(option) in text
    assert max(len(line) for line in text.splitlines()) <= 130


@pytest.mark.parametrize(
    "option", [option for option in TABLE if option.status is Status.REFUSED], ids=lambda o: o.name
)
def test_refused_options_end_the_run_with_their_reason(option: Option) -> None:
    parsed, _ = Parser(TABLE).read([f"--{option.name}", *value_for(option)])
    with pytest.raises(UsageError) as caught:
        complete(parsed)
    assert f"--{option.name} is refused" in caught.value.problems[0]
    assert option.note in caught.value.problems[0]
    if option.negatable:
        complete(Parser(TABLE).read([f"--no{option.name}"])[0])


@pytest.mark.parametrize(
    "option", [option for option in TABLE if option.refused_negated], ids=lambda o: o.name
)
def test_some_options_cannot_be_switched_off(option: Option) -> None:
    with pytest.raises(UsageError):
        complete(Parser(TABLE).read([f"--no{option.name}"])[0])


def completed(*words: str) -> Parsed:
    parsed, problems = Parser(TABLE).read(words)
    assert problems == []
    return complete(parsed)


def test_explicit_options_win_over_presets() -> None:
    plain = completed("--gmail1")
    assert plain.text("host1") == "imap.gmail.com"
    assert plain.flag("ssl1")
    assert plain.flag("skipcrossduplicates")
    assert not completed("--gmail1", "--gmail2").flag("skipcrossduplicates")
    assert completed("--gmail1", "--gmail2", "--skipcrossduplicates").flag("skipcrossduplicates")
    assert plain.texts("folderlast") == ("[Gmail]/All Mail",)
    chosen = completed(
        "--gmail1",
        "--host1",
        "proxy",
        "--noskipcrossduplicates",
        "--nosynclabels",
        "--maxbytespersecond",
        "0",
    )
    assert chosen.text("host1") == "proxy"
    assert not chosen.flag("skipcrossduplicates")
    assert not chosen.flag("synclabels")
    assert chosen.integer("maxbytespersecond") is None
    assert completed("--office1", "--exclude", "x").texts("exclude") == ("x", "^Files$")
    assert completed("--nogmail1" if BY_NAME["gmail1"].negatable else "--dry").text("host1") is None


def test_a_preset_s_patterns_are_left_out_on_demand() -> None:
    assert completed("--office2", "--noregexmess").texts("regexmess") == ()
    assert completed("--office1", "--noexclude", "--exclude", "x").texts("exclude") == ()
    assert completed("--gmail1", "--useheader", "Date").texts("useheader") == ("Date",)
    assert completed("--gmail1").texts("useheader") == ("Message-Id",)


def test_presets_name_real_options_of_the_right_kind() -> None:
    for name, preset in PRESETS.items():
        assert name in BY_NAME
        for stem, value in preset.sided.items():
            assert BY_NAME[stem + name[-1]].takes_value == isinstance(value, str)
        for option, number in preset.general.items():
            assert BY_NAME[option].takes_value != isinstance(number, bool)
        for option in preset.lists:
            assert BY_NAME[option].repeat


def test_shorthands_for_both_sides() -> None:
    both = completed("--nossl", "--notls", "--timeout", "7", "--timeout2", "9")
    assert [both.values[name] for name in ("ssl1", "ssl2", "tls1", "tls2")] == [False] * 4
    assert both.number("timeout1") == 7
    assert both.number("timeout2") == 9


def test_a_preset_leaves_the_choice_of_starttls() -> None:
    chosen = completed("--gmail1", "--tls1", "--port1", "143")
    assert chosen.flag("tls1")
    assert not chosen.flag("ssl1")
