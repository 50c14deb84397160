"""Options that the original's parser knows and its help does not name, so that no old script stops at one."""

from __future__ import annotations

from imapsync.cli.options.model import COMMAND_LINE, Kind, Option, Status, both

OTHERS = "Not in the original's help"

_ALWAYS_SO = "always so"
_NO_WEB = "the engine is no web page's back end"
_IN_THE_LOG = "what bears on it is always in the log"
_ITS_OWN = "for the author's own tests"


def _idle(name: str, text: str, note: str, *, kind: Kind = Kind.FLAG, repeat: bool = False) -> Option:
    """Give the row of an option that is accepted without effect."""
    return Option(
        name,
        kind,
        OTHERS,
        text,
        negatable=kind is Kind.FLAG,
        status=Status.NO_EFFECT,
        note=note,
        repeat=repeat,
    )


ROWS: tuple[Option, ...] = (
    Option(
        "justbanner", Kind.FLAG, OTHERS, "Print who we are, and leave.", negatable=True, fills=COMMAND_LINE
    ),
    Option(
        "justfolderlists",
        Kind.FLAG,
        OTHERS,
        "As --justfoldersizes: list the folders, and leave.",
        negatable=True,
        fills="mode",
    ),
    Option(
        "appendlimit",
        Kind.INT,
        OTHERS,
        "What host2 takes of one message, in bytes; larger ones are told as failures and not sent.",
        default="as the server says (APPENDLIMIT, RFC 7889)",
        fills="limits.append_bytes",
    ),
    Option(
        "maxlinelengthcmd",
        Kind.COMMAND,
        OTHERS,
        "Send messages that have a line longer than --maxlinelength through this shell command, in place of "
        "leaving them out.",
        fills="content.shorten",
    ),
    _idle(
        "fast",
        "Would leave out the folder sizes.",
        "they cost next to nothing; --nofoldersizes leaves them out",
    ),
    _idle("fixinboxinbox", "Would write Inbox as INBOX.", "INBOX is INBOX in any case"),
    _idle(
        "fixcolonbug", "Would mend folder names with colons.", "such names are kept, or spelt as host2 can"
    ),
    _idle("create_folder_old", "Would create folders level by level.", _ALWAYS_SO),
    _idle(
        "sslcheck", "With --no: would not try port 993 first.", "--ssl1, --tls1 and --port1 say what to try"
    ),
    *(
        Option(
            f"ssl{side}_ssl_version",
            Kind.TEXT,
            OTHERS,
            f"As --sslargs{side} SSL_version=str.",
            fills=f"{role}.tls_minimum",
        )
        for side, role in (("1", "source"), ("2", "destination"))
    ),
    *both(
        "uid",
        Kind.FLAG,
        OTHERS,
        "Would speak of messages by UID to host{n}.",
        negatable=True,
        status=Status.NO_EFFECT,
        note=_ALWAYS_SO,
    ),
    _idle(
        "cacheaftercopy",
        "Would write the cache after each copy.",
        "the state file is written with each batch",
    ),
    _idle(
        "pipemesscheck",
        "Would try the --pipemess commands first.",
        "a command that fails costs its message only",
    ),
    _idle("minmaxlinelength", "Would show the longest line of each message.", _ITS_OWN, kind=Kind.INT),
    _idle(
        "fetch_hash_set",
        "Would fetch these messages only.",
        _ITS_OWN + "; --search1 UID selects",
        kind=Kind.TEXT,
    ),
    _idle("trylogin", "Would try the logins one after the other.", "both sides are always tried"),
    _idle("checknoabletosearch", "Would ask whether searching is possible.", "the servers need not search"),
    *(
        _idle(
            name,
            text,
            "SIGINT, SIGTERM and SIGHUP end the run in good order, a second one at once; "
            "connections that are lost are made again",
            kind=Kind.TEXT,
            repeat=True,
        )
        for name, text in (
            ("sigexit", "Would end the run at this signal."),
            ("sigreconnect", "Would connect again at this signal."),
            ("sigignore", "Would ignore this signal."),
            ("sigprint", "Would print statistics at this signal."),
        )
    ),
    *(
        _idle(name, "Would print more for debugging.", _IN_THE_LOG)
        for name in (
            "debuglist",
            "debugcache",
            "debugdev",
            "debugcgi",
            "debugenv",
            "debugsig",
            "debuglabels",
            "debugmaxlinelength",
            "debugloadavg",
        )
    ),
    _idle("debugsleep", "Would wait before each step.", _ITS_OWN, kind=Kind.FLOAT),
    _idle("modulesversion", "Would list the versions of Perl modules.", "there are none"),
    _idle("testsdebug", "Would run the author's debugging tests.", _ITS_OWN),
    _idle(
        "testsunit",
        "Would run some of the author's tests.",
        "--tests checks this installation",
        kind=Kind.TEXT,
        repeat=True,
    ),
    _idle("tail", "Would show the log of the run under way.", _NO_WEB),
    _idle("dockercontext", "Would suit a container.", "there is nothing to be suited"),
)
