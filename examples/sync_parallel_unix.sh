#!/bin/sh
# Several accounts at once with GNU parallel, from a file as file.txt is: sh sync_parallel_unix.sh file.txt [options]
#
# JOBS=4 says how many at once. What servers allow an account or an address is theirs to say: begin with few. The
# file parallel.log tells which lines are done; run again with RESUME=--resume-failed for those that are not.
#
# On several machines (with ssh keys, imapsync on each, and file.txt and the passwords on this one only):
#   SSHLOGIN='--sshlogin :,mail2.example' sh sync_parallel_unix.sh file.txt
set -eu

file=${1:?the file with a line an account}
shift

# The further options as one text that a shell reads as the same words again.
options=''
for word; do
    options="$options '$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'"
done

# The passwords travel by standard input of each job: a line of the file is never a word of a command.
# shellcheck disable=SC2086 # words for parallel
grep -v -e '^#' -e '^[[:blank:]]*$' "$file" | parallel --jobs "${JOBS:-4}" ${SSHLOGIN:-} --joblog parallel.log ${RESUME:-} \
    --pipe --max-replace-args 1 --recend '\n' "
        IFS=';' read -r host1 user1 password1 host2 user2 password2 more
        printf '%s\n%s\n' \"\$password1\" \"\$password2\" | imapsync \
            --host1 \"\$host1\" --user1 \"\$user1\" \
            --host2 \"\$host2\" --user2 \"\$user2\" \
            --nolog \$more $options"
