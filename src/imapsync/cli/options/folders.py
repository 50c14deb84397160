"""Options that choose folders and say what they are called on host2."""

from __future__ import annotations

from imapsync.cli.options.model import Kind, Option, Status, both

FOLDERS = "Folders"
SIZES = "Folder sizes"

ROWS: tuple[Option, ...] = (
    Option("folder", Kind.TEXT, FOLDERS, "Take this folder of host1. May be repeated.", repeat=True),
    Option(
        "folderrec", Kind.TEXT, FOLDERS, "Take this folder and all below it. May be repeated.", repeat=True
    ),
    Option("folderfirst", Kind.TEXT, FOLDERS, "Work on this folder first. May be repeated.", repeat=True),
    Option("folderlast", Kind.TEXT, FOLDERS, "Work on this folder last. May be repeated.", repeat=True),
    Option(
        "mixfolders",
        Kind.FLAG,
        FOLDERS,
        "Merge folders of host1 whose names differ only by case when host2 sees one "
        "name. --nomixfolders takes the "
        "first of them only.",
        negatable=True,
        default="yes",
    ),
    Option(
        "skipemptyfolders",
        Kind.FLAG,
        FOLDERS,
        "Do not create a folder on host2 while it is empty on host1.",
        negatable=True,
    ),
    Option(
        "include",
        Kind.REGEX,
        FOLDERS,
        "Take the folders whose name matches. May be repeated; done before --exclude.",
        repeat=True,
    ),
    Option(
        "exclude",
        Kind.REGEX,
        FOLDERS,
        "Leave out the folders whose name matches. May be repeated.",
        repeat=True,
        negatable=True,
        note="--noexclude: none, not even a preset's",
    ),
    Option(
        "personal1",
        Kind.FLAG,
        FOLDERS,
        "Leave out host1's folders of other users and shared folders, as its NAMESPACE tells them.",
        negatable=True,
        ours=True,
    ),
    Option(
        "automap",
        Kind.FLAG,
        FOLDERS,
        "Pair the folders for sent mail, junk, drafts, trash, archive, flagged and all "
        "mail, whatever their names.",
        negatable=True,
        note="by special use (RFC 6154) of both sides, else by well-known names",
    ),
    Option(
        "justautomap",
        Kind.FLAG,
        FOLDERS,
        "Print the folder pairs of --automap and leave: --automap --justfolders --dry.",
        negatable=True,
    ),
    Option(
        "f1f2",
        Kind.PAIR,
        FOLDERS,
        "The folder of host1 before the '=' becomes the folder of host2 after it. May be "
        "repeated; stronger than "
        "--automap and --regextrans2.",
        repeat=True,
        negatable=True,
        note="--nof1f2: none",
    ),
    Option("subfolder2", Kind.TEXT, FOLDERS, "Put the whole tree of host1 under this folder of host2."),
    Option("subfolder1", Kind.TEXT, FOLDERS, "Take the tree under this folder of host1 to the top of host2."),
    Option(
        "subscribed", Kind.FLAG, FOLDERS, "Take the folders that are subscribed on host1.", negatable=True
    ),
    Option(
        "subscribe",
        Kind.FLAG,
        FOLDERS,
        "Subscribe on host2 to what is subscribed on host1.",
        negatable=True,
        default="yes",
    ),
    Option(
        "subscribeall",
        Kind.FLAG,
        FOLDERS,
        "Subscribe on host2 to every folder of the run.",
        negatable=True,
        aliases=("subscribe_all",),
    ),
    *both(
        "prefix",
        Kind.TEXT,
        FOLDERS,
        "Prefix of the personal folders on host{n}, such as 'INBOX.' or ''.",
        default="as the server says (NAMESPACE)",
    ),
    *both("sep", Kind.TEXT, FOLDERS, "Hierarchy separator of host{n}.", default="as the server says (LIST)"),
    Option(
        "regextrans2",
        Kind.REGEX,
        FOLDERS,
        "Change the names of host2's folders by s/// or tr///, after prefix and separator. May be repeated. "
        "$h2_prefix and $h2_sep stand for those of host2. Try it with --dry --justfolders.",
        repeat=True,
    ),
    Option(
        "checkselectable",
        Kind.FLAG,
        FOLDERS,
        "Would check that each folder can be selected.",
        negatable=True,
        status=Status.NO_EFFECT,
        note="the folder listing says it",
    ),
    Option(
        "checkfoldersexist",
        Kind.FLAG,
        FOLDERS,
        "Would check that each folder given exists.",
        negatable=True,
        status=Status.NO_EFFECT,
        note="always so; a folder that does not exist is an error in the report",
    ),
    Option(
        "fixslash2",
        Kind.FLAG,
        FOLDERS,
        "Replace, in names of host2, the separator of host2 that was an ordinary character on host1.",
        negatable=True,
        status=Status.NO_EFFECT,
        refused_negated=True,
        note="always so; --nofixslash2 is refused: it would make folder levels out of characters",
    ),
    Option(
        "foldersizes",
        Kind.FLAG,
        SIZES,
        "Measure the folders of both sides before the work.",
        negatable=True,
        default="yes",
    ),
    Option(
        "foldersizesatend",
        Kind.FLAG,
        SIZES,
        "Measure the folders of both sides after the work.",
        negatable=True,
        default="as --foldersizes",
    ),
    Option("justfoldersizes", Kind.FLAG, SIZES, "Measure the folders, then leave.", negatable=True),
)
