"""Options as the engine's Settings: the one place where option names become rules."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, TypeVar

from imapsync.cli import sides
from imapsync.cli.cache import state_path
from imapsync.cli.delivery import delivery_of
from imapsync.cli.errors import UsageError
from imapsync.cli.retry import retry_of
from imapsync.terms import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.cli.getopt import Parsed
    from imapsync.plan.retry import Retry
    from imapsync.plan.rules import (
        ContentRules,
        DeletionRules,
        FlagRules,
        FolderRules,
        IdentityRules,
        LabelRules,
        SelectionRules,
    )
    from imapsync.transfer.settings import Limits, Mode, Settings

T = TypeVar("T")
R = TypeVar("R")
DEFAULT_ERRORS_MAX = 50
#: More connections to one server than this are a burden that no mailbox needs.
MAX_CONNECTIONS = 32
_SYSTEM_FLAGS = {name.lower(): f"\\{name}" for name in ("Seen", "Answered", "Flagged", "Deleted", "Draft")}


def settings(
    options: Parsed, environment: dict[str, str], home: str, trace: Callable[[str], None]
) -> Settings:
    """Give the run that the (completed) options ask for.

    environment: the password variables. home: where the remembered certificates lie by default. trace: gets
    the lines of the IMAP dialogue under --debugimap. Raises UsageError and InputError.
    """
    from imapsync.transfer.settings import Mode, Settings

    mode = run_mode(options)
    wanted = _sides_wanted(options, mode)
    source = sides.endpoint(options, 1, home)
    destination = sides.endpoint(options, 2, home) if 2 in wanted else None
    rules = _Rules(options)
    state = state_path(options) if mode in (Mode.SYNC, Mode.VERIFY) else options.text("state")
    wanted_run = Settings(
        source=source,
        destination=destination,
        send_id=options.flag("id", default=True),
        source_trace=_tracer(trace, 1) if options.flag("debugimap1") else None,
        destination_trace=_tracer(trace, 2) if options.flag("debugimap2") else None,
        mode=mode,
        verify_content=mode is Mode.VERIFY and options.choice("verify") == "content",
        dry=options.flag("dry"),
        folders=rules.folders(),
        selection=rules.selection(),
        identity=rules.identity(),
        content=rules.content(),
        flags=rules.flags(),
        labels=rules.labels(),
        deletion=rules.deletion(),
        limits=rules.limits(),
        sizes_at_start=options.flag("foldersizes", default=True) or mode is Mode.SIZES,
        sizes_at_end=options.flag("foldersizesatend", default=options.flag("foldersizes", default=True)),
        state=state,
        state_hosts=(options.text("statehost1"), options.text("statehost2")),
        sieve_delivery=options.flag("sievedelivery2"),
        delivery=delivery_of(options, destination, remembers=state is not None),
        provider=_provider(options),
        report_to=tuple(
            side
            for side, name in ((Side.SOURCE, "emailreport1"), (Side.DESTINATION, "emailreport2"))
            if options.flag(name) and mode in (Mode.SYNC, Mode.FOLDERS, Mode.VERIFY)
        ),
        # Last, so that nobody is asked for a password in vain.
        source_credentials=None if mode is Mode.CONNECT else sides.credentials(options, 1, environment),
        destination_credentials=None
        if mode is Mode.CONNECT or destination is None
        else sides.credentials(options, 2, environment),
    )
    return wanted_run if rules.retry is None else _only_retrying(wanted_run, rules.retry)


def _only_retrying(wanted: Settings, retry: Retry) -> Settings:
    """Give the run that touches nothing but what failed: no other folder, no flag, no deletion."""
    from imapsync.plan.rules import DeletionRules

    return wanted._replace(
        folders=wanted.folders._replace(only=retry.folders, only_recursive=(), include=(), exclude=()),
        flags=wanted.flags._replace(
            resync=False,
            skip_deleted=wanted.deletion.empties_source,  # such a mark may be ours
        ),
        labels=wanted.labels._replace(present=False),
        deletion=DeletionRules(),
        sizes_at_start=False,
        sizes_at_end=False,
    )


def _provider(options: Parsed) -> str:
    name = options.text("provider") or "auto"
    if name not in ("auto", "none"):
        from imapsync.providers import named, providers

        if named(name) is None:
            known = ", ".join(one.name for one in providers())
            raise UsageError(
                f"Option --provider: '{name}' is not known; auto, none, {known} are.", option="provider"
            )
    return name


def run_mode(options: Parsed) -> Mode:
    """Give how far the run goes; host1 alone, without a user, means --justconnect."""
    from imapsync.transfer.settings import Mode

    host1_alone = options.text("host1") and not any(
        options.given(name) for name in ("user1", "host2", "user2")
    )
    if options.flag("justconnect") or host1_alone:
        return Mode.CONNECT
    for name, mode in (
        ("justlogin", Mode.LOGIN),
        ("justfoldersizes", Mode.SIZES),
        ("justfolderlists", Mode.SIZES),
        ("justfolders", Mode.FOLDERS),
        ("verify", Mode.VERIFY),
    ):
        if options.flag(name):
            return mode
    return Mode.SYNC


def _sides_wanted(options: Parsed, mode: Mode) -> tuple[int, ...]:
    """Tell which sides the run needs. UsageError when a part of one is missing."""
    from imapsync.transfer.settings import Mode

    one_sided = mode in (Mode.CONNECT, Mode.LOGIN, Mode.SIZES) and not any(
        options.given(name) for name in ("host2", "user2", "password2", "passfile2")
    )
    wanted = (1,) if one_sided else (1, 2)
    needed = ("host",) if mode is Mode.CONNECT else ("host", "user")
    missing = [f"--{stem}{side}" for side in wanted for stem in needed if not options.text(f"{stem}{side}")]
    if missing:
        raise UsageError(
            f"Missing: {', '.join(missing)}. A sync needs host, user and password of both sides."
        )
    return wanted


def _tracer(trace: Callable[[str], None], side: int) -> Callable[[str], None]:
    return lambda line: trace(f"Host{side} {line}")


# The Perl expressions are imported when one is used: most runs have none, and a login check has to be quick.


def _message_matcher(text: str) -> Callable[[bytes], bool]:
    from imapsync.cli.perlre import message_matcher

    return message_matcher(text)


def _header_matcher(text: str) -> Callable[[bytes], bool]:
    from imapsync.cli.perlre import header_matcher

    return header_matcher(text)


def _on_messages(text: str) -> Callable[[bytes], bytes]:
    from imapsync.cli.perlre import operations

    return operations(text).on_bytes()


def _on_flags(text: str) -> Callable[[str], str]:
    from imapsync.cli.perlre import operations

    return operations(text).on_text()


class _Rules:
    def __init__(self, options: Parsed) -> None:
        self._options = options
        self._flag = options.flag
        self.retry = retry_of(options)

    def folders(self) -> FolderRules:
        from imapsync.cli.foldernames import as_people_read
        from imapsync.plan.rules import FolderRules

        options, flag = self._options, self._flag
        for name in ("sep1", "sep2"):
            separator = options.text(name)
            if separator and len(separator) != 1:
                raise UsageError(
                    f"Option --{name}: a separator is one character, not '{separator}'.", option=name
                )
        forced: dict[str, str] = {}
        for pair in options.texts("f1f2"):
            left, _, right = pair.partition("=")
            if not right:
                raise UsageError(
                    f"Option --f1f2: '{pair}' names no folder of host2 after the '='.", option="f1f2"
                )
            forced[left] = as_people_read(right)
        return FolderRules(
            only=options.texts("folder"),
            only_recursive=options.texts("folderrec"),
            first=options.texts("folderfirst"),
            last=options.texts("folderlast"),
            include=self._folder_matchers("include"),
            exclude=self._folder_matchers("exclude"),
            subscribed_only=flag("subscribed"),
            personal_only=flag("personal1"),
            skip_empty=flag("skipemptyfolders"),
            mix_case=flag("mixfolders", default=True),
            automap=flag("automap"),
            forced=forced,
            rename=tuple(self._rename(text) for text in options.texts("regextrans2")),
            source_subfolder=self._folder_name("subfolder1"),
            destination_subfolder=self._folder_name("subfolder2"),
            source_prefix=self._folder_name("prefix1"),
            destination_prefix=self._folder_name("prefix2"),
            source_separator=options.text("sep1") or None,
            destination_separator=options.text("sep2") or None,
            acls=flag("syncacls"),
            subscribe=flag("subscribe", default=True),
            subscribe_all=flag("subscribeall"),
        )

    def selection(self) -> SelectionRules:
        from imapsync.plan.rules import SelectionRules

        options = self._options
        both = options.text("search")
        mirror_of_a_search = self._flag("delete2") and self._search("search1", None)
        ages = options.given("maxage") or options.given("minage")
        by_day = tuple(ages and options.flag(f"abletosearch{n}", default=True) for n in "12")
        return SelectionRules(
            source_search=self._search("search1", both),
            # --delete2 beside --search1 alone: anything may go that host1 has not, selected there or not.
            destination_search=self._search("search2", both or ("ALL" if mirror_of_a_search else None)),
            max_size_bytes=self._count("maxsize"),
            min_size_bytes=self._count("minsize"),
            max_age_days=self._amount("maxage"),
            min_age_days=self._amount("minage"),
            by_sent_day=(by_day[0], by_day[1]),
            skip_content=tuple(
                self._pattern("skipmess", text, _message_matcher) for text in options.texts("skipmess")
            ),
            max_line_bytes=self._count("maxlinelength")
            if not self._options.text("maxlinelengthcmd")
            else None,
            skip_cross_duplicates=self._flag("skipcrossduplicates"),
            retry=self.retry,
        )

    def identity(self) -> IdentityRules:
        from imapsync.plan.rules import DEFAULT_IDENTITY_HEADERS, IdentityRules

        headers = self._options.texts("useheader")
        for header in headers:
            if not header or not header.isascii() or any(char <= " " or char in ":\x7f" for char in header):
                raise UsageError(f"Option --useheader: '{header}' is no header name.", option="useheader")
        return IdentityRules(
            headers=headers or DEFAULT_IDENTITY_HEADERS,
            sync_duplicates=self._flag("syncduplicates"),
            skip=tuple(
                self._pattern("skipheader", text, _header_matcher)
                for text in self._options.texts("skipheader")
            ),
            any_domain=self._flag("messageidnodomain"),
        )

    def content(self) -> ContentRules:
        from imapsync.plan.rules import ContentRules

        return ContentRules(
            rewrite=tuple(
                self._pattern("regexmess", text, _on_messages) for text in self._options.texts("regexmess")
            ),
            pipe=self._options.texts("pipemess"),
            shorten=self._shorten(),
            truncate_bytes=self._count("truncmess"),
            disarm_receipts=self._flag("disarmreadreceipts"),
            add_header=self._flag("addheader"),
            dates_from_header=self._flag("idatefromheader"),
            keep_dates=self._flag("syncinternaldates", default=True),
        )

    def _shorten(self) -> tuple[int, str] | None:
        limit, command = self._count("maxlinelength"), self._options.text("maxlinelengthcmd")
        if command and limit is None:
            raise UsageError(
                "--maxlinelengthcmd needs --maxlinelength: from which length on?", option="maxlinelengthcmd"
            )
        return (limit, command) if command and limit is not None else None

    def flags(self) -> FlagRules:
        from imapsync.plan.rules import FlagRules

        return FlagRules(
            resync=self._flag("resyncflags", default=True),
            rewrite=tuple(
                self._pattern("regexflag", text, _on_flags) for text in self._options.texts("regexflag")
            ),
            filter_buggy=self._flag("filterbuggyflags"),
            set_on_source=tuple(_flag_name(text) for text in self._options.texts("setflag1")),
        )

    def labels(self) -> LabelRules:
        from imapsync.plan.rules import LabelRules

        return LabelRules(copied=self._flag("synclabels"), present=self._flag("resynclabels"))

    def deletion(self) -> DeletionRules:
        from imapsync.plan.rules import DeletionRules

        options, flag = self._options, self._flag
        only = self._folder_matchers("delete2foldersonly")
        but_not = self._folder_matchers("delete2foldersbutnot")
        uid_expunge = flag("uidexpunge2", default=True)
        return DeletionRules(
            source=flag("delete1"),
            source_older_days=self._amount("delete1older"),
            source_expunge=flag("expunge1") if options.given("expunge1") else None,
            source_empty_folders=flag("delete1emptyfolders"),
            destination=flag("delete2"),
            destination_expunge=flag("expunge2", default=uid_expunge),
            destination_uid_expunge=uid_expunge,
            destination_expunge_first=flag("expunge2"),
            destination_duplicates=flag("delete2duplicates"),
            destination_folders=flag("delete2folders") or bool(only) or bool(but_not),
            destination_folders_only=only,
            destination_folders_but_not=but_not,
            max_destination=self._count("maxdelete2"),
            max_vanished=self._count("maxvanished2"),
            recopy_deleted=flag("recopydeleted"),
        )

    def limits(self) -> Limits:
        from imapsync.transfer.settings import Limits

        defaults = Limits()
        connections = self._count("connections")
        if connections is not None and not 1 <= connections <= MAX_CONNECTIONS:
            raise UsageError(
                f"Option --connections: {connections} is not between 1 and {MAX_CONNECTIONS}.",
                option="connections",
            )
        sleep = self._amount("maxsleep")
        wait_minutes, lost_minutes = self._amount("maxwait"), self._amount("maxlost")
        return Limits(
            connections=connections or defaults.connections,
            messages_per_second=self._amount("maxmessagespersecond") or None,
            bytes_per_second=self._count("maxbytespersecond") or None,
            bytes_after=self._count("maxbytesafter") or 0,
            max_sleep_s=defaults.max_sleep_s if sleep is None else sleep,
            exit_when_over_bytes=self._count("exitwhenover"),
            append_bytes=self._count("appendlimit") or None,
            max_wait_s=defaults.max_wait_s if wait_minutes is None else wait_minutes * 60,
            max_lost_s=defaults.max_lost_s if lost_minutes is None else lost_minutes * 60,
            errors_max=errors_max(self._options),
        )

    def _count(self, name: str) -> int | None:
        value = self._options.integer(name)
        if value is not None and value < 0:
            raise UsageError(f"Option --{name}: {value} is negative.", option=name)
        return value

    def _amount(self, name: str) -> float | None:
        value = self._options.number(name)
        if value is not None and value < 0:
            raise UsageError(f"Option --{name}: {value:g} is negative.", option=name)
        return value

    def _search(self, name: str, both: str | None) -> str | None:
        text = self._options.text(name)
        text = both if text is None else text
        if text is None or not text.strip():
            return None  # scripts pass variables that may be empty
        if any(char in text for char in "\r\n"):
            raise UsageError(f"Option --{name}: a search is one line of IMAP SEARCH words.", option=name)
        return text

    def _folder_name(self, name: str) -> str | None:
        from imapsync.cli.foldernames import as_people_read

        text = self._options.text(name)
        return None if text is None else as_people_read(text)

    def _folder_matchers(self, name: str) -> tuple[Callable[[str], bool], ...]:
        texts = self._options.texts(name)
        if not texts:
            return ()
        from imapsync.cli.foldernames import either_spelling_matcher
        from imapsync.cli.perlre import expression_matcher, folder_matcher

        compile_one = expression_matcher if name.startswith("delete2") else folder_matcher
        return tuple(either_spelling_matcher(self._pattern(name, text, compile_one)) for text in texts)

    def _rename(self, text: str) -> Callable[[str, str, str], str]:
        from imapsync.cli.foldernames import either_spelling_rename
        from imapsync.cli.perlre import operations

        def with_variables(prefix: str, separator: str) -> Callable[[str], str]:
            known = {"h2_prefix": prefix, "h2_sep": separator}
            return self._pattern("regextrans2", text, lambda value: operations(value).on_text(known))

        with_variables("", "/")  # says now what is wrong with it
        compiled = functools.lru_cache(maxsize=8)(with_variables)
        return lambda name, prefix, separator: either_spelling_rename(compiled(prefix, separator), name)

    @staticmethod
    def _pattern(name: str, text: str, compile_one: Callable[[str], Callable[[T], R]]) -> Callable[[T], R]:
        from imapsync.cli.perlre import PatternError, bounded

        try:
            return bounded(compile_one(text), f"--{name} {text}")
        except PatternError as error:
            raise UsageError(f"Option --{name} '{text}': {error}.", option=name) from None


def errors_max(options: Parsed) -> int:
    """Give --errorsmax."""
    value = options.integer("errorsmax")
    if value is None:
        return DEFAULT_ERRORS_MAX
    if value < 1:
        raise UsageError("Option --errorsmax: it must be at least 1.", option="errorsmax")
    return value


def _flag_name(text: str) -> str:
    r"""Give the flag as IMAP spells it: Seen is \Seen; anything that is no system flag is a keyword."""
    name = text.strip()
    bare = name.removeprefix("\\")
    if not bare or not bare.isascii() or any(char <= " " or char in '(){%*"\\]\x7f' for char in bare):
        raise UsageError(f"Option --setflag1: '{text}' is no flag.", option="setflag1")
    system = _SYSTEM_FLAGS.get(bare.lower())
    if name.startswith("\\") and system is None:
        raise UsageError(f"Option --setflag1: '{text}' is no flag that a client may set.", option="setflag1")
    return system or name
