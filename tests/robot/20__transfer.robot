*** Settings ***
Documentation       The main job: a task brings a remote account into a local mailbox, message by message.
Resource            module.resource
Suite Setup         Prepare
Suite Teardown      Delete task    u1    all001

*** Variables ***
${REMOTE}           r01@example.net

*** Test Cases ***
The first run copies the account
    ${before}=    Create task    u1    all001    ${REMOTE}
    ${result}=    Wait for result    u1    all001    ${before}
    Should Be Equal As Integers    ${result}[messages_transferred]    320
    Should Be Equal As Integers    ${result}[messages_failed]    0
    Accounts should be equal    ${REMOTE}    u1

The second run copies nothing
    ${before}=    Start task    u1    all001
    ${result}=    Wait for result    u1    all001    ${before}
    Should Be Equal As Integers    ${result}[messages_transferred]    0
    Accounts should be equal    ${REMOTE}    u1

Two starts at once are one run
    Run on the node    for n in 1 2 3 4; do api-cli run module/${MID}/start-task --data '{"localuser": "u1", "task_id": "all001"}' & done; wait
    Wait for state    u1    all001    stopped
    Accounts should be equal    ${REMOTE}    u1

A new message and changed flags follow
    Deliver    remote    ${REMOTE}    later
    Add flags    remote    ${REMOTE}    1:5    \\Flagged
    ${before}=    Start task    u1    all001
    ${result}=    Wait for result    u1    all001    ${before}
    Should Be Equal As Integers    ${result}[messages_transferred]    1
    Accounts should be equal    ${REMOTE}    u1

The task is listed as it was created
    ${task}=    Task    u1    all001
    Should Be Equal    ${task}[remoteusername]    ${REMOTE}
    Should Be Equal    ${task}[remotepassword]    ${EMPTY}
    Should Be Equal    ${task}[remoteport]    143
    Should Be Equal    ${task}[security]    tls
    Should Be Equal    ${task}[state]    stopped
    Should Be Equal    ${task}[service_running]    ${FALSE}
    Should Be Equal As Integers    ${task}[last_sync_exit_code]    0
    Should Be True    ${task}[has_log]

Both sides can be counted
    ${counts}=    Run task    module/${MID}/list-informations    {"localuser": "u1", "task_id": "all001"}
    Should Be True    ${counts}[status]
    Should Be Equal As Integers    ${counts}[host1Messages]    321
    Should Be Equal As Integers    ${counts}[host2Messages]    321
    Should Be Equal As Integers    ${counts}[host1Sizes]    ${counts}[host2Sizes]

The log has the lines that people look for
    ${answer}=    Run task    module/${MID}/get-log    {"localuser": "u1", "task_id": "all001"}
    Should Match Regexp    ${answer}[log_content]    (?m)^Host1 Nb messages: +321
    Should Match Regexp    ${answer}[log_content]    (?m)^Messages transferred +: +1
    Should Match Regexp    ${answer}[log_content]    (?m)^Exiting with return value 0 \\(EX_OK: successful termination\\)
    Should Be Equal    ${answer}[truncated]    ${FALSE}

Each run leaves a line in the system log
    ${log}=    Run on the node    runagent -m ${MID} podman logs imapsync 2>&1
    Should Contain    ${log}    task u1_all001: 320 messages transferred, 0 skipped, 0 failed
    Should Contain    ${log}    task u1_all001: 0 messages transferred, 320 skipped

By hand in the container
    ${status}=    In the container    syncctl status u1_all001
    Should Match Regexp    ${status}    (?i)stopped
    In the container    syncctl start u1_all001
    Wait for state    u1    all001    stopped
    In the container    syncctl stop u1_all001

IMAPS and an account without encryption
    ${plain}=    Remote setting    plain_host
    ${tls_port}=    Remote setting    tls_port
    ${tls_port}=    Convert To Integer    ${tls_port}
    ${before}=    Create task    u2    ssl001    ${REMOTE}    security=ssl    remoteport=${tls_port}
    Wait for result    u2    ssl001    ${before}
    Accounts should be equal    ${REMOTE}    u2
    ${before}=    Create task    u2    ssl001    ${REMOTE}    security=${EMPTY}    remotehostname=${plain}
    ${result}=    Wait for result    u2    ssl001    ${before}
    Should Be Equal As Integers    ${result}[messages_transferred]    0
    [Teardown]    Delete task    u2    ssl001

A remote master user opens the account of another
    Empty account    local    u2
    ${password}=    Remote password    vmail
    ${before}=    Create task    u2    master1    ${REMOTE}    remoteusername=${REMOTE}*vmail    remotepassword=${password}
    Wait for result    u2    master1    ${before}
    Accounts should be equal    ${REMOTE}    u2
    [Teardown]    Delete task    u2    master1

Excluded folders stay out, and a blank entry excludes nothing
    Empty account    local    u2
    ${before}=    Create task    u2    excl01    ${REMOTE}    foldersynchronization=exclusion
    ...    exclude=^INBOX[.]Archive, ,Trash$,
    Wait for result    u2    excl01    ${before}
    ${folders}=    Folders of account    local    u2
    Should Contain    ${folders}    Clients/Ünïcode & Söhne
    Should Not Contain    ${folders}    Archive
    Should Not Contain    ${folders}    Archive/2016
    ${trash}=    Subjects of account    local    u2    Trash
    Should Be Empty    ${trash}
    ${answer}=    Run task    module/${MID}/get-log    {"localuser": "u2", "task_id": "excl01"}
    Should Contain    ${answer}[log_content]    Excluding folder [INBOX.Trash]
    [Teardown]    Delete task    u2    excl01

What is deleted on the remote side goes from the local one when asked
    Empty account    local    u2
    Empty account    remote    r02@example.net
    FOR    ${n}    IN RANGE    1    6
        Deliver    remote    r02@example.net    kept${n}
    END
    ${before}=    Create task    u2    del001    r02@example.net    delete_local=${TRUE}
    Wait for result    u2    del001    ${before}
    Deliver    local    u2    mine
    ${before}=    Start task    u2    del001
    Wait for result    u2    del001    ${before}
    ${subjects}=    Subjects of account    local    u2
    ${expected}=    Create List    kept1    kept2    kept3    kept4    kept5
    Should Be Equal    ${subjects}    ${expected}
    [Teardown]    Delete task    u2    del001

Remote mail is deleted once its copy is there
    Empty account    local    u2
    ${before}=    Create task    u2    del002    r02@example.net    delete_remote=${TRUE}
    Wait for result    u2    del002    ${before}
    ${remote}=    Subjects of account    remote    r02@example.net
    Should Be Empty    ${remote}
    ${local}=    Subjects of account    local    u2
    Length Should Be    ${local}    5
    [Teardown]    Delete task    u2    del002

*** Keywords ***
Prepare
    Fill remote account    ${REMOTE}    320
    Empty account    local    u1
    Empty account    local    u2
