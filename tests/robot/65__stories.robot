*** Settings ***
Documentation       A retrieval task that deletes on the remote server after some days, and what people do to their mail meanwhile:
...                 only what is here, or was given up on purpose, frees the remote mailbox.
Resource            module.resource
Suite Setup         Prepare
Suite Teardown      Run task    module/${MID}/delete-task    {"localuser": "${USER}"}
Test Setup          Four mails are here
Test Teardown       Clean up

*** Variables ***
${USER}             u9
${REMOTE}           r16@example.net
@{MAILS}            mail-1    mail-2    mail-3    mail-4

*** Test Cases ***
Mail that was filed into other folders frees the remote mailbox
    Run again
    FOR    ${mail}    IN    @{MAILS}
        Move message    local    ${USER}    ${mail}    Filed/2026
    END
    Let the days pass
    Wait for result    ${USER}    story1    ${BEFORE}
    Remote inbox should hold
    Local folder should hold    Filed/2026    @{MAILS}
    Local folder should hold    INBOX

A mail that was deleted for good goes on the remote server, too
    [Tags]    slow
    Run again
    Remove message    local    ${USER}    mail-2
    Let the days pass
    Wait for result    ${USER}    story1    ${BEFORE}
    Remote inbox should hold
    Local folder should hold    INBOX    mail-1    mail-3    mail-4

A mailbox that was emptied deletes nothing, until somebody says so
    Run again
    Empty account    local    ${USER}
    Let the days pass
    A brake holds    4    4
    Remote inbox should hold    @{MAILS}
    # It holds in every run, and a release of fewer does not do.
    ${BEFORE}=    Start task    ${USER}    story1
    Set Test Variable    ${BEFORE}
    A brake holds    4    4
    Release up to    3
    A brake holds    4    4
    Remote inbox should hold    @{MAILS}
    Release up to    4
    Wait for result    ${USER}    story1    ${BEFORE}
    Remote inbox should hold
    # It was for that run.
    Deliver    remote    ${REMOTE}    mail-5    days_old=${5}
    Run again
    Local folder should hold    INBOX    mail-5

A mailbox that was lost with its store is filled again, and nothing is deleted before
    [Tags]    slow
    Run again
    Mail loses the store of the user
    Let the days pass
    A brake holds    4    4
    Remote inbox should hold    @{MAILS}
    Local folder should hold    INBOX    @{MAILS}
    Release up to    4
    Wait for result    ${USER}    story1    ${BEFORE}
    Remote inbox should hold
    Local folder should hold    INBOX    @{MAILS}

A mailbox that was put back from yesterday deletes nothing
    [Tags]    slow
    Run again
    Keep the store of the user
    FOR    ${mail}    IN    today-1    today-2    today-3    today-4    today-5    today-6
        Deliver    remote    ${REMOTE}    ${mail}    days_old=${5}
    END
    Run again
    Run again
    Put the store of the user back
    Let the days pass
    ${result}=    Wait for result    ${USER}    story1    ${BEFORE}    exit_code=${125}
    Should Be Equal    ${result}[error]    brake_vanished
    ${remote}=    Subjects of account    remote    ${REMOTE}
    Length Should Be    ${remote}    10

A copy that went before any later run had seen it is looked for, and its original kept when it is not found
    Move message    local    ${USER}    mail-1    Filed
    Remove message    local    ${USER}    mail-2
    Let the days pass
    Wait for result    ${USER}    story1    ${BEFORE}
    Remote inbox should hold    mail-2
    Local folder should hold    Filed    mail-1
    Local folder should hold    INBOX    mail-3    mail-4

*** Keywords ***
Prepare
    Empty account    local    ${USER}

Four mails are here
    [Documentation]    They arrived five days ago; the task deletes what is older than thirty.
    Empty account    remote    ${REMOTE}
    FOR    ${mail}    IN    @{MAILS}
        Deliver    remote    ${REMOTE}    ${mail}    days_old=${5}
    END
    Retrieve older than    30
    Wait for result    ${USER}    story1    ${BEFORE}
    Local folder should hold    INBOX    @{MAILS}

Retrieve older than
    [Arguments]    ${days}
    ${days}=    Convert To Integer    ${days}
    ${BEFORE}=    Create task    ${USER}    story1    ${REMOTE}    delete_remote=${TRUE}    delete_remote_older=${days}
    Set Test Variable    ${BEFORE}

Let the days pass
    [Documentation]    From now on the mails are old enough.
    Retrieve older than    3

Run again
    ${before}=    Start task    ${USER}    story1
    Wait for result    ${USER}    story1    ${before}

Release up to
    [Arguments]    ${messages}
    ${BEFORE}=    Evaluate    time.time()    modules=time
    Set Test Variable    ${BEFORE}
    Run task    module/${MID}/start-task    {"localuser": "${USER}", "task_id": "story1", "allow_vanished": ${messages}}

A brake holds
    [Documentation]    With an exit code of its own, and its numbers.
    [Arguments]    ${messages}    ${of}
    ${result}=    Wait for result    ${USER}    story1    ${BEFORE}    exit_code=${125}
    Should Be Equal    ${result}[error]    brake_vanished
    Should Be Equal As Integers    ${result}[brake_messages]    ${messages}
    Should Be Equal As Integers    ${result}[brake_of]    ${of}

Remote inbox should hold
    [Arguments]    @{expected}
    ${subjects}=    Subjects of account    remote    ${REMOTE}
    Should Be Equal    ${subjects}    ${{sorted($expected)}}

Local folder should hold
    [Arguments]    ${folder}    @{expected}
    ${subjects}=    Subjects of account    local    ${USER}    ${folder}
    Should Be Equal    ${subjects}    ${{sorted($expected)}}

In the store
    [Documentation]    Run a command where the mailboxes are, while nobody has the user's open.
    [Arguments]    ${command}
    Run on the node
    ...    runagent -m ${MAIL_MODULE} podman exec -w /var/lib/vmail dovecot sh -c 'doveadm kick ${USER} >/dev/null 2>&1; ${command}'

Mail loses the store of the user
    In the store    rm -rf ${USER}/Maildir

Keep the store of the user
    In the store    rm -rf /tmp/yesterday && cp -a ${USER} /tmp/yesterday

Put the store of the user back
    In the store    rm -rf ${USER} && cp -a /tmp/yesterday ${USER}

Clean up
    Delete task    ${USER}    story1
    Empty account    local    ${USER}
