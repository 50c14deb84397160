"""What --gmail1, --office2 and their like stand for. Explicit options win over a preset."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Preset:
    """Values that a preset gives to options that are not on the command line.

    `sided` is by option name without the side's digit; `lists` are added to what is given.
    """

    sided: dict[str, str | bool] = field(default_factory=dict)
    general: dict[str, int | float | bool] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)


#: Exchange and Microsoft 365 refuse messages that have a line of more than 10,240 bytes.
_SPLIT_LONG_LINES = r"s,(.{10239}),$1\r\n,g"
#: Gmail lets an account download 2.5 GB a day by IMAP and upload 0.5 GB; beyond it the account is shut for
#: hours.
_GMAIL_DOWN = {"maxbytesafter": 2_000_000_000, "maxbytespersecond": 40_000}
_GMAIL_UP = {"maxbytesafter": 400_000_000, "maxbytespersecond": 20_000}
#: The largest message that Gmail takes by IMAP.
_GMAIL_LARGEST = 35_651_584
#: Gmail shows its own folders below this one.
_WITHOUT_GMAIL = r"s,\[Gmail\].,,"
#: Servers around Gmail and Domino change headers on the way; nothing else tells that a copy is there.
_BY_MESSAGE_ID = ("Message-Id",)
#: The name of a folder that Microsoft 365 keeps for itself, and what the original calls such a folder.
_FILES_RENAMED = r"s,^(\Q$h2_prefix\E)Files$,${1}Files_renamed_by_imapsync,"
_DOMINO_INBOX = r"s,^Inbox\\(.*),$1,i"
#: The largest messages that Microsoft 365 and a usual Exchange take, and the rate that they bear without
#: throttling.
_OFFICE_LARGEST = 45_000_000
_EXCHANGE_LARGEST = 10_000_000
_EXCHANGE_RATE = 4.0

#: By option name.
PRESETS: dict[str, Preset] = {
    "gmail1": Preset(
        sided={"host": "imap.gmail.com", "ssl": True},
        general={"skipcrossduplicates": True, "automap": True, **_GMAIL_DOWN},
        lists={
            "folderlast": ("[Gmail]/All Mail",),
            "useheader": _BY_MESSAGE_ID,
            "regextrans2": (_WITHOUT_GMAIL,),
        },
    ),
    "gmail2": Preset(
        sided={"host": "imap.gmail.com", "ssl": True},
        general={"maxsize": _GMAIL_LARGEST, "automap": True, **_GMAIL_UP},
        lists={"useheader": _BY_MESSAGE_ID, "regextrans2": (_WITHOUT_GMAIL,)},
    ),
    "office1": Preset(
        sided={"host": "outlook.office365.com", "ssl": True},
        lists={"exclude": (r"^Files$",)},
    ),
    "office2": Preset(
        sided={"host": "outlook.office365.com", "ssl": True},
        general={
            "maxsize": _OFFICE_LARGEST,
            "maxmessagespersecond": _EXCHANGE_RATE,
            "disarmreadreceipts": True,
        },
        lists={"regexmess": (_SPLIT_LONG_LINES,), "regextrans2": (_FILES_RENAMED,)},
    ),
    "exchange1": Preset(),
    "exchange2": Preset(
        general={
            "maxsize": _EXCHANGE_LARGEST,
            "maxmessagespersecond": _EXCHANGE_RATE,
            "disarmreadreceipts": True,
        },
        lists={"regexmess": (_SPLIT_LONG_LINES,)},
    ),
    "domino1": Preset(sided={"sep": "\\", "prefix": ""}, general={"messageidnodomain": True}),
    "domino2": Preset(
        sided={"sep": "\\", "prefix": ""},
        general={"messageidnodomain": True},
        lists={"regextrans2": (_DOMINO_INBOX,)},
    ),
}
