"""Each option fills the settings that its row names, and each setting is filled by an option."""

from __future__ import annotations

import ast
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest

import imapsync.cli
from imapsync.cli.getopt import Parser
from imapsync.cli.options import TABLE, Kind, Option, Status
from imapsync.cli.options.model import COMMAND_LINE
from imapsync.cli.settings import settings
from imapsync.cli.values import complete
from imapsync.plan import rules
from imapsync.session.credentials import Credentials, Secret
from imapsync.session.endpoint import Endpoint
from imapsync.transfer.settings import Limits, Settings

BOTH = {"host": "a", "user": "u", "password": "p"}
#: What has to be said beside an option so that it shows.
BESIDE = {
    "proxyauth": ["--authuser{n}", "admin"],
    "abletosearch": ["--maxage", "1"],
    "maxlinelengthcmd": ["--maxlinelength", "9"],
    "usecache": ["--tmpdir", gettempdir()],
    "useuid": ["--tmpdir", gettempdir()],
    "lmtp": ["--state", "x"],
    "lmtpuser": ["--lmtp2", "x", "--state", "x"],
}
#: Values for options of which "1" or "x" says nothing, or is refused.
VALUES = {
    "via": ["127.0.0.9"],
    "avoid": ["127.0.0.9"],
    "discreet": ["127.0.0.9"],
    "sslargs": ["SSL_verify_mode=0", "SSL_version=TLSv1_3", "SSL_cipher_list=x", "SSL_ca_file=x"],
    "trust": ["any"],
    "authmech": ["LOGIN"],
    "tokencommand": ["true"],
    "ssl1_ssl_version": ["TLSv1_3"],
    "ssl2_ssl_version": ["TLSv1_3"],
    "skipmess": ["m/x/"],
    "skipheader": ["x"],
    "provider": ["none"],
    "include": ["x"],
    "exclude": ["x"],
    "delete2foldersonly": ["/x/"],
    "delete2foldersbutnot": ["/x/"],
    "sep": ["x"],
    "oauthaccesstoken": ["x", __file__],
    "retryfailed": [str(Path(__file__).with_name("retry.json"))],
}
#: Settings that no option fills: they come from elsewhere, for the reason given.
OTHERWISE = {
    "compose_report": "the runner composes it",
    "connect_timeout_s": "follows --timeout1 and 2 where those are shorter",
    "skip_deleted": "a run that empties the source sets it",
}
DONE = [option for option in TABLE if option.status is Status.DONE]
FILLING = [option for option in DONE if option.fills != COMMAND_LINE]


def made(*words: str, leave_out: str = "") -> Settings:
    accounts = [
        word
        for stem, value in BOTH.items()
        for side in "12"
        if f"{stem}{side}" != leave_out
        for word in (f"--{stem}{side}", value)
    ]
    parsed, problems = Parser(TABLE).read([*accounts, *words])
    assert problems == []
    return settings(complete(parsed), {}, "/nowhere", lambda _: None)


def at(run: Settings, path: str) -> Any:  # noqa: ANN401 - any setting
    value: Any = run
    for name in path.split("."):
        assert name in value._fields, f"{path}: there is no such setting"
        value = getattr(value, name)
    return value


def shown(value: Any) -> str:  # noqa: ANN401 - any setting
    if isinstance(value, Secret):
        return "asked for" if value.is_asked_for else value.reveal()
    return repr(value)


def beside(option: Option) -> list[str]:
    return [word.format(n=option.name[-1]) for word in BESIDE.get(option.name.rstrip("12"), [])]


def ways(option: Option, tmp_path: Path) -> list[list[str]]:
    """Give the ways of giving an option that should show in the settings."""
    stem = option.name.rstrip("12") if option.name not in VALUES else option.name
    if stem == "passfile":
        (tmp_path / "secret").write_text("another\n")
        return [[f"--{option.name}", str(tmp_path / "secret")]]
    if not option.takes_value:
        chosen = [[f"--{option.name}={choice}"] for choice in option.choices]
        return [[f"--{option.name}"], *chosen, *([[f"--no{option.name}"]] if option.negatable else [])]
    usual = {Kind.INT: "7", Kind.FLOAT: "3.5", Kind.PAIR: "a=b", Kind.REGEX: "s/a/b/"}.get(option.kind, "x")
    return [[f"--{option.name}", value] for value in VALUES.get(stem, [usual])]


@pytest.mark.parametrize("option", TABLE, ids=lambda option: option.name)
def test_who_has_an_effect_says_on_what(option: Option) -> None:
    assert bool(option.fills) is (option.status is Status.DONE)


@pytest.mark.parametrize("option", FILLING, ids=lambda option: option.name)
def test_an_option_fills_what_its_row_names(option: Option, tmp_path: Path) -> None:
    leave_out = f"password{option.name[-1]}" if option.name.startswith("passfile") else ""
    filled = set()
    without = made(*beside(option))
    for words in ways(option, tmp_path):
        run = made(*beside(option), *words, leave_out=leave_out)
        filled |= {path for path in option.fills.split() if shown(at(run, path)) != shown(at(without, path))}
    assert filled == set(option.fills.split())


@pytest.mark.parametrize(
    "option", [each for each in DONE if each.fills == COMMAND_LINE], ids=lambda option: option.name
)
def test_what_is_for_the_command_line_is_read_there(option: Option) -> None:
    read = {
        node.value
        for path in Path(imapsync.cli.__path__[0]).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert option.name in read


def fields_of(kind: type, under: str) -> list[str]:
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    return [f"{under}{name}" for name in names if name not in OTHERWISE]


def test_each_setting_is_filled_by_an_option() -> None:
    parts: dict[str, type] = {
        "folders": rules.FolderRules,
        "selection": rules.SelectionRules,
        "identity": rules.IdentityRules,
        "content": rules.ContentRules,
        "flags": rules.FlagRules,
        "labels": rules.LabelRules,
        "deletion": rules.DeletionRules,
        "limits": Limits,
        "source": Endpoint,
        "destination": Endpoint,
        "source_credentials": Credentials,
        "destination_credentials": Credentials,
    }
    wanted = [path for name, kind in parts.items() for path in fields_of(kind, f"{name}.")]
    wanted += [name for name in fields_of(Settings, "") if name not in parts]
    filled = {path for option in FILLING for path in option.fills.split()}
    assert [path for path in wanted if path not in filled] == []
