#!/bin/sh
# One account after the other, from a file as file.txt is: sh sync_loop_unix.sh file.txt [options for all]
#
# Passwords go to imapsync by its standard input, so no other user of this machine sees them. A run that fails does not stop
# the others; what failed is told at the end, and the exit code is then 1.
set -u

file=${1:?the file with a line an account}
shift
failed=''

# The second half of the condition: an editor may leave the last line without an end.
while IFS=';' read -r host1 user1 password1 host2 user2 password2 more || [ -n "$host1" ]; do
    case $host1 in '' | \#*) continue ;; esac
    echo "==== $user1 at $host1 to $user2 at $host2 ===="
    # shellcheck disable=SC2086 # the further options of a line are words
    if printf '%s\n%s\n' "$password1" "$password2" | imapsync \
        --host1 "$host1" --user1 "$user1" \
        --host2 "$host2" --user2 "$user2" \
        --state "${STATES:-.}/$user1-$user2.state" $more "$@"; then
        echo "==== $user1: done ===="
    else
        echo "==== $user1: exit code $? ===="
        failed="$failed $user1"
    fi
done <"$file"

[ -z "$failed" ] || {
    echo "Failed:$failed"
    exit 1
}
