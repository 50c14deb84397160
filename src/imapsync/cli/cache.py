"""The state file of --usecache and --useuid, which nobody has to name: one for each pair of accounts."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from imapsync.cli.errors import OutputError

if TYPE_CHECKING:
    from imapsync.cli.getopt import Parsed

_UNSAFE = re.compile(r"[^\w.@+-]", re.ASCII)
#: Longest part of a file name that comes from a user or a host.
MAX_NAME_PART = 40


def state_path(options: Parsed) -> str | None:
    """Give where this run keeps what it copied, None for nowhere.

    --state says where. --usecache asks for it, and so does --useuid unless --nousecache is given: then it is
    in a folder of ours in --tmpdir, which nobody else can write. OutputError when that cannot be.
    """
    named = options.text("state")
    if named or not options.flag("usecache", default=options.flag("useuid")):
        return named
    parent = options.text("tmpdir") or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - checked below
    folder = os.path.join(parent, f"imapsync_cache_{os.geteuid()}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        facts = os.lstat(folder)
    except OSError as error:
        raise OutputError(f"The cache '{folder}' cannot be made: {error.strerror or error}.") from None
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        raise OutputError(
            f"The cache '{folder}' is not a folder that only we can write; choose another --tmpdir."
        )
    return os.path.join(folder, _file_name(options))


def _file_name(options: Parsed) -> str:
    """Give a name that people can read, and that no other pair of accounts has."""
    from hashlib import blake2b

    ends = [options.text(f"{stem}{side}") or "" for side in "12" for stem in ("user", "host")]
    mark = blake2b("\n".join(ends).encode(), digest_size=6).hexdigest()
    readable = "_".join(_UNSAFE.sub("_", end)[:MAX_NAME_PART] for end in ends)
    return f"{readable}_{mark}.state"
