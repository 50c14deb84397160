"""The command line with presets and shorthands spelled out, and with contradictions refused."""

from __future__ import annotations

from imapsync.cli.errors import UsageError
from imapsync.cli.getopt import Parsed
from imapsync.cli.options import TABLE, Option, Status
from imapsync.cli.presets import PRESETS


def complete(given: Parsed) -> Parsed:
    """Give the options with presets and two-sided shorthands filled in. UsageError for what is refused."""
    refused = [problem for option in TABLE if (problem := _refusal(option, given))]
    if refused:
        raise UsageError(*refused)
    whole = Parsed(dict(given.values), {name: list(values) for name, values in given.lists.items()})
    _shorthand(whole, "ssl")
    _shorthand(whole, "tls")
    _shorthand(whole, "timeout")
    _shorthand(whole, "authmd5")
    _shorthand(whole, "abletosearch")
    _shorthand(whole, "debugimap")
    for name, preset in PRESETS.items():
        if not given.flag(name):
            continue
        side = name[-1]
        for stem, value in preset.sided.items():
            # --gmail1 --tls1 is a choice of STARTTLS, not a contradiction.
            if stem != "ssl" or whole.values.get(f"tls{side}") is not True:
                whole.values.setdefault(stem + side, value)
        for option, number in preset.general.items():
            whole.values.setdefault(option, number)
        for option, texts in preset.lists.items():
            if option == "useheader" and given.given(option):
                continue  # what identifies is chosen
            listed = whole.lists.setdefault(option, [])
            listed.extend(text for text in texts if text not in listed)
    if given.flag("gmail1") and given.flag("gmail2"):
        if not given.given("skipcrossduplicates"):
            whole.values["skipcrossduplicates"] = False  # a message of two labels has to arrive under both
        for name in ("synclabels", "resynclabels"):
            whole.values.setdefault(name, True)
    _take_away(whole)
    if given.flag("justautomap"):
        whole.values.update(automap=True, justfolders=True, dry=True)
    return whole


def _take_away(whole: Parsed) -> None:
    """Obey what switches something off that a preset, too, may have brought."""
    for name in ("exclude", "regexmess", "regexflag", "f1f2"):
        if whole.values.get(name) is False:
            whole.lists.pop(name, None)
    if whole.values.get("maxbytespersecond") == 0:
        del whole.values["maxbytespersecond"]


def _refusal(option: Option, given: Parsed) -> str:
    if not given.given(option.name):
        return ""
    negated = given.values.get(option.name) is False
    if option.status is Status.REFUSED and not negated:
        return f"Option --{option.name} is refused: {option.note}."
    if option.refused_negated and negated:
        return f"Option --no{option.name} is refused: {option.note}."
    return ""


def _shorthand(whole: Parsed, stem: str) -> None:
    if stem in whole.values:
        for side in "12":
            whole.values.setdefault(stem + side, whole.values[stem])
