#!/bin/sh
# The command syncctl. What cron starts is only handed over to the watcher (src/syncctl/watch.py), which is there while
# the directory is: a name in it, and the thousandth part of a second. Everything else is the program's.
starts="${SYNCCTL_DIRECTORY:-/etc/imapsync}/.starts"
if [ "$SYNCCTL_SCHEDULED" = 1 ] && [ "$1" = start ] && [ $# = 2 ] && [ -d "$starts" ]; then
    true 2>/dev/null >"$starts/$2" && exit 0
fi
exec "${SYNCCTL_PROGRAM:-/usr/local/lib/ns8-imapsync/bin/syncctl}" "$@"
