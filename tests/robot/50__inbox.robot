*** Settings ***
Documentation       Mode inbox: new mail only, filed by the local user's Sieve rules, seen on the remote side afterwards.
Resource            module.resource
Suite Setup         Prepare
Suite Teardown      Clean up

*** Variables ***
${REMOTE}           r05@example.net
${SIEVE}            SEPARATOR=\n
...                 require ["fileinto", "mailbox"];
...                 if header :contains "Subject" "report" { fileinto :create "Reports"; }
${WHOLE}            SEPARATOR=\n
...                 require ["fileinto", "mailbox", "vacation", "duplicate"];
...                 if duplicate { discard; stop; }
...                 vacation :addresses "u4@example.org" "Back in December";
...                 if header :contains "Subject" "report" { fileinto :create "Reports"; }

*** Test Cases ***
Unseen messages are taken and filed
    ${before}=    Create task    u4    inbox1    ${REMOTE}    foldersynchronization=inbox    sieve_enabled=${TRUE}
    ${result}=    Wait for result    u4    inbox1    ${before}
    Should Be Equal As Integers    ${result}[messages_transferred]    3
    Folder should hold    u4    INBOX    mine    note-1    note-2
    Folder should hold    u4    Reports    report-1
    Folder should hold    u4    Other
    ${answer}=    Run task    module/${MID}/get-log    {"localuser": "u4", "task_id": "inbox1"}
    Should Contain    ${answer}[log_content]    FILTER SIEVE DELIVERY UID

They are seen on the remote side, new on the local one
    ${remote}=    Flags of account    remote    ${REMOTE}
    FOR    ${flags}    IN    @{remote}
        Should Contain    ${flags}    Seen
    END
    ${local}=    Flags of account    local    u4    Reports
    Should Not Contain    ${local}[0]    Seen

The user's own deleted message is not expunged
    ${local}=    Flags of account    local    u4
    Should Contain    ${local}[0]    Deleted
    Length Should Be    ${local}    3

A second run takes nothing
    ${before}=    Start task    u4    inbox1
    ${result}=    Wait for result    u4    inbox1    ${before}
    Should Be Equal As Integers    ${result}[messages_transferred]    0
    Folder should hold    u4    INBOX    mine    note-1    note-2

What the user moves away does not come back
    Deliver    remote    ${REMOTE}    note-3
    ${before}=    Start task    u4    inbox1
    Wait for result    u4    inbox1    ${before}
    Empty account    local    u4
    ${before}=    Start task    u4    inbox1
    ${result}=    Wait for result    u4    inbox1    ${before}
    Should Be Equal As Integers    ${result}[messages_transferred]    0
    Folder should hold    u4    INBOX

A user without Sieve script finds the mail in the inbox
    Deliver    remote    ${REMOTE}    report-2
    ${before}=    Create task    u5    inbox2    ${REMOTE}    foldersynchronization=inbox    sieve_enabled=${TRUE}
    ${result}=    Wait for result    u5    inbox2    ${before}
    Should Be Equal As Integers    ${result}[messages_transferred]    1
    Folder should hold    u5    INBOX    report-2

Without Sieve the rules do not run
    Deliver    remote    ${REMOTE}    report-3
    ${before}=    Create task    u4    inbox1    ${REMOTE}    foldersynchronization=inbox    sieve_enabled=${FALSE}
    Wait for result    u4    inbox1    ${before}
    Folder should hold    u4    INBOX    report-3

Handed to Mail as new mail the whole script runs, and who wrote is answered
    [Documentation]    By LMTP: a vacation goes out, as for mail from outside; APPEND and its filter cannot do that.
    Empty account    local    u4
    Empty account    local    john
    Let the script be    ${WHOLE}
    ${answer}=    Run task    module/${MID}/list-mailboxes    {"refresh": true}
    Should Be True    ${answer}[delivers]
    FOR    ${subject}    IN    report-4    note-4
        Deliver    remote    ${REMOTE}    ${subject}    sender=john@example.org    to=u4@example.org
    END
    ${before}=    Create task    u4    inbox1    ${REMOTE}    foldersynchronization=inbox    delivery=lmtp
    ${result}=    Wait for result    u4    inbox1    ${before}
    Should Be Equal As Integers    ${result}[messages_transferred]    2
    Folder should hold    u4    Reports    report-4
    Folder should hold    u4    INBOX    note-4
    Wait Until Keyword Succeeds    30 s    0.2 s    An answer should lie before    john
    ${before}=    Start task    u4    inbox1
    ${result}=    Wait for result    u4    inbox1    ${before}
    Should Be Equal As Integers    ${result}[messages_transferred]    0

*** Keywords ***
Prepare
    Empty account    remote    ${REMOTE}
    Empty account    local    u4
    Empty account    local    u5
    Let the script be    ${SIEVE}
    FOR    ${subject}    IN    report-1    note-1    note-2
        Deliver    remote    ${REMOTE}    ${subject}
    END
    FOR    ${subject}    IN    old-1    old-2
        Deliver    remote    ${REMOTE}    ${subject}    flags=\\Seen
    END
    Deliver    remote    ${REMOTE}    elsewhere    folder=Other
    Deliver    local    u4    mine    flags=\\Deleted

Let the script be
    [Documentation]    The active Sieve script of u4.
    [Arguments]    ${script}
    Run on the node
    ...    runagent -m ${MAIL_MODULE} podman exec -i dovecot sh -c 'cd /var/lib/vmail/u4 && mkdir -p sieve && cat >sieve/main.sieve && ln -sfn sieve/main.sieve .dovecot.sieve && chown -R vmail:vmail sieve && chown -h vmail:vmail .dovecot.sieve' <<'END'\n${script}\nEND

An answer should lie before
    [Arguments]    ${user}
    ${subjects}=    Subjects of account    local    ${user}
    Length Should Be    ${subjects}    1
    Should Match Regexp    ${subjects}[0]    ^Auto: (report|note)-4$

Folder should hold
    [Arguments]    ${user}    ${folder}    @{expected}
    ${subjects}=    Subjects of account    local    ${user}    ${folder}
    ${wanted}=    Evaluate    sorted($expected)
    Should Be Equal    ${subjects}    ${wanted}

Clean up
    Delete task    u4    inbox1
    Delete task    u5    inbox2
