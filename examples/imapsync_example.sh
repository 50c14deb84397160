#!/bin/sh
# A sync with its six parameters: copy this file, put yours between the quotes, and run it with: sh mysync
#
# As it is, it syncs two accounts on servers that imapsync starts on this machine for the time of the run. The words
# after the name of the script are given to imapsync, too: begin with  sh mysync --automap --justfolders --dry
set -eu

host1=''     # where the mail is, for example imap.old.example
user1=''     # whose mail, for example anna@old.example
passfile1='' # a file that only you can read, whose first line is the password (chmod 600)

host2='' # where the mail goes
user2=''
passfile2=''

if [ -z "$host1" ]; then
    exec imapsync --testslive "$@"
fi
exec imapsync \
    --host1 "$host1" --user1 "$user1" --passfile1 "$passfile1" \
    --host2 "$host2" --user2 "$user2" --passfile2 "$passfile2" \
    "$@"
