*** Settings ***
Documentation       What happens to an instance as a whole: update, Mail that moves or is away, backup and restore, clone, NS7 import.
Resource            module.resource
Suite Setup         Prepare
Suite Teardown      Clean up

*** Variables ***
${REMOTE}           r12@example.net
${UPSTREAM_ENV}     SEPARATOR=\n
...                 ${EMPTY}
...                 TASK_ID=up0001
...                 LOCALUSER=u8
...                 REMOTEUSERNAME=r13@example.net
...                 REMOTEHOSTNAME=HOST
...                 REMOTEPORT=143
...                 SECURITY=--tls1
...                 DELETE_LOCAL=
...                 DELETEFOLDER=
...                 EXCLUDE=,^INBOX.Trash$,Junk
...                 DELETE_REMOTE=--delete1older=30
...                 SIEVE_ENABLED=
...                 EXPUNGE_REMOTE=--noexpungeaftereach
...                 CRON=2h
...                 FOLDER_INBOX=
...                 FOLDERSYNCHRONIZATION=exclusion

*** Test Cases ***
An update while a task runs keeps everything and restarts the service
    Run on the node    runagent -m ${MID} redis-exec DEL module/${MID}/roles/selfadm
    Create task    u7    life01    ${REMOTE}    cron=3h    remoteport=${LINK_PORT}
    Wait for copying    u7    life01    10
    ${old}=    Run on the node    runagent -m ${MID} podman inspect --format '{{.Id}}' imapsync
    Run on the node    update-module --force ${IMAGE_URL} ${MID}
    Set speed of link    0
    Wait Until Keyword Succeeds    60 s    0.5 s    The service is active
    ${new}=    Run on the node    runagent -m ${MID} podman inspect --format '{{.Id}}' imapsync
    Should Not Be Equal    ${new}    ${old}
    ${roles}=    Run on the node    runagent -m ${MID} redis-exec SMEMBERS module/${MID}/roles/selfadm
    Should Contain    ${roles}    create-task
    ${task}=    Wait for state    u7    life01    stopped
    Should Be Equal    ${task}[cron]    3h
    ${before}=    Start task    u7    life01
    Wait for result    u7    life01    ${before}
    Accounts should be equal    ${REMOTE}    u7

Tasks of the existing upstream module are taken over
    ${host}=    Remote setting    host
    ${password}=    Remote password    r13@example.net
    ${env}=    Evaluate    $UPSTREAM_ENV.replace("=HOST", "=${host}")
    Put into state    imapsync/u8_up0001.env    ${env}
    Run on the node    runagent -m ${MID} sh -c 'umask 077; printf %s "$(cat)" >imapsync/u8_up0001.pwd' <<'END'\n${password}\nEND
    Put into state    imapsync/u8_up0001.pid    4242
    Put into state    imapsync/u8_up0001.lock    ${EMPTY}
    Put into state    imapsync/u8_up0001.status    1795244400\n0
    Put into state    imapsync/u8_up0001.rollback    secret
    Run on the node    update-module --force ${IMAGE_URL} ${MID}
    Wait Until Keyword Succeeds    60 s    0.5 s    The service is active
    ${task}=    Task    u8    up0001
    Should Be Equal    ${task}[state]    stopped
    Should Be Equal    ${task}[service_running]    ${FALSE}
    Should Be Equal    ${task}[error]    ${NONE}
    Should Be Equal    ${task}[security]    tls
    Should Be Equal    ${task}[remoteport]    143
    Should Be Equal    ${task}[delete_remote]    ${TRUE}
    Should Be Equal As Integers    ${task}[delete_remote_older]    30
    Should Be Equal    ${task}[cron]    2h
    Should Be Equal    ${task}[foldersynchronization]    exclusion
    Should End With    ${task}[exclude]    ^INBOX.Trash$,Junk
    Run on the node    runagent -m ${MID} test ! -e imapsync/u8_up0001.rollback
    ${cron}=    Run on the node    runagent -m ${MID} cat cron/u8_up0001.cron
    Should Contain    ${cron}    */2
    Deliver    remote    r13@example.net    from-upstream
    ${before}=    Start task    u8    up0001
    Wait for result    u8    up0001    ${before}
    ${subjects}=    Subjects of account    local    u8
    Should Contain    ${subjects}    from-upstream
    ${env}=    Run on the node    runagent -m ${MID} cat imapsync/u8_up0001.env
    Should Contain    ${env}    DELETE_REMOTE=--delete1older=30
    Should Contain    ${env}    SECURITY=--tls1

One broken task file does not hide the others
    Put into state    imapsync/u9_broken.env    TASK_ID=broken
    ${task}=    Task    u9    broken
    Should Not Be Equal    ${task}[error]    ${NONE}
    ${names}=    Task names
    Should Contain    ${names}    u7_life01
    Should Contain    ${names}    u8_up0001
    Delete task    u9    broken
    ${names}=    Task names
    Should Not Contain    ${names}    u9_broken

Mail that is down does not silence the tasks
    Run on the node    runagent -m ${MAIL_MODULE} systemctl --user stop dovecot
    ${names}=    Task names
    Should Contain    ${names}    u7_life01
    ${before}=    Start task    u7    life01
    ${result}=    Wait for result    u7    life01    ${before}    exit_code=${NONE}
    Should Be Equal    ${result}[error]    connection
    [Teardown]    Run on the node    runagent -m ${MAIL_MODULE} systemctl --user start dovecot

Mail that moves to another address is followed
    [Tags]    devnode
    ${there}=    Remote setting    free_host
    Configure mail at    ${there}
    Wait Until Keyword Succeeds    60 s    1 s    The instance knows Mail at    ${there}
    ${before}=    Start task    u7    life01
    ${result}=    Wait for result    u7    life01    ${before}
    Should Be Equal As Integers    ${result}[messages_transferred]    0
    [Teardown]    Mail moves back

A restored instance has the tasks and waits for an admin
    [Tags]    devnode
    Put into state    imapsync/mine.custom    echo
    Put into state    cron/mine.custom    \# nothing
    ${before}=    Create task    u7    life01    ${REMOTE}    cron=1m
    Wait for result    u7    life01    ${before}
    ${backup}=    Run task    cluster/add-backup    {"instances": ["${MID}"]}
    Run task    cluster/run-backup    {"id": ${backup}[id]}
    ${uuid}=    Run on the node    runagent -m ${MID} printenv MODULE_UUID
    ${saved}=    Run on the node    tar tf /var/lib/devnode/$DEVNODE/backup/${backup}[id]/imapsync/${uuid.strip()}/*.tar
    ${saved}=    Evaluate    {name.removeprefix("state/imapsync/") for name in $saved.split() if "/life01" in name or "_life01" in name}
    # Settings and schedule, and what is told of its runs: nothing that a new run makes anew.
    ${expected}=    Evaluate    {f"u7_life01.{kind}" for kind in ("env", "pwd", "json", "trust", "history", "told", "place")} | {"state/cron/u7_life01.cron"}
    Should Be Equal    ${saved}    ${expected}
    ${answer}=    Run task    cluster/restore-module
    ...    {"repository": "${backup}[id]", "path": "imapsync/${uuid.strip()}", "snapshot": "latest", "replace": false}
    Copy waits for an admin    ${answer}[module_id]    resume-schedules    null
    ${files}=    Run on the node    runagent -m ${answer}[module_id] ls imapsync cron
    Should Contain    ${files}    mine.custom
    [Teardown]    Remove copy    ${answer}[module_id]

A cloned instance has the tasks and waits for an admin
    [Tags]    devnode
    ${answer}=    Run task    cluster/clone-module    {"module": "${MID}", "node": 1, "replace": false}
    Copy waits for an admin    ${answer}[module_id]    configure-module    {"mail_server": "${MAIL_SERVER}", "mail_host": "${MAIL_HOST}"}
    [Teardown]    Remove copy    ${answer}[module_id]

Accounts of a NethServer 7 become tasks
    [Tags]    devnode
    ${host}=    Remote setting    host
    ${accounts}=    Getmail accounts    ${host}
    ${answer}=    Run task    cluster/import-module    {"image": "${IMAGE_URL}", "node": 1}
    ${rsync}=    Set Variable    RSYNC_PASSWORD='${answer}[credentials][1]' rsync
    ${url}=    Set Variable    rsync://${answer}[credentials][0]@${answer}[address]:${answer}[port]
    Run on the node    cat >/tmp/getmail.json <<'END'\n${accounts}\nEND
    Wait Until Keyword Succeeds    30 s    0.5 s    Run on the node    ${rsync} /tmp/getmail.json ${url}/state/getmail.json
    Run on the node    ${rsync} ${url}/terminate
    Run on the node    rm -f /tmp/getmail.json
    Wait Until Keyword Succeeds    30 s    0.5 s    Import is over    ${answer}[module_id]
    ${original}=    Set Variable    ${MID}
    Set Global Variable    ${MID}    ${answer}[module_id]
    Run task    module/${MID}/configure-module    {"mail_server": "${MAIL_SERVER}", "mail_host": "${MAIL_HOST}"}
    ${tasks}=    Run task    module/${MID}/list-tasks    null
    ${found}=    Evaluate    sorted((t["remoteusername"], t["localuser"], t["remoteport"], t["security"], t["cron"], t["delete_remote"], t["delete_remote_older"], t["foldersynchronization"]) for t in $tasks["user_properties"])
    ${expected}=    Evaluate    [("r01", "u1", "143", "tls", "5m", False, 0, "inbox"), ("r02", "u2", "993", "ssl", "1h", True, 7, "inbox"), ("r03", "u3", "143", "tls", "", True, 0, "inbox"), ("r04", "u4", "993", "ssl", "", True, 0, "inbox"), ("r05", "u5", "143", "tls", "", True, 0, "inbox"), ("r06", "u6", "143", "tls", "30m", True, 0, "inbox")]
    Should Be Equal    ${found}    ${expected}
    Run on the node    runagent -m ${MID} test ! -e getmail.json
    [Teardown]    Run Keywords    Set Global Variable    ${MID}    ${original}    AND    Remove copy    ${answer}[module_id]

*** Keywords ***
Prepare
    Fill remote account    ${REMOTE}    120
    Empty account    remote    r13@example.net
    Empty account    local    u7
    Empty account    local    u8
    ${port}=    Start slow link    ${300000}
    Set Suite Variable    ${LINK_PORT}    ${port}

Put into state
    [Arguments]    ${path}    ${content}
    Run on the node    runagent -m ${MID} sh -c 'umask 077; cat >${path}' <<'END'\n${content}\nEND

Configure mail at
    [Arguments]    ${address}
    ${settings}=    Run task    module/${MAIL_MODULE}/get-configuration    null
    ${users}=    Mail users
    Run task    module/${MAIL_MODULE}/configure-module
    ...    {"hostname": "${settings}[hostname]", "address": "${address}", "users": ${users}}

Mail moves back
    Configure mail at    ${MAIL_HOST}
    Wait Until Keyword Succeeds    60 s    1 s    The instance knows Mail at    ${MAIL_HOST}

The instance knows Mail at
    [Arguments]    ${address}
    ${configuration}=    Run task    module/${MID}/get-configuration    null
    Should Be Equal    ${configuration}[mail_host]    ${address}
    ${seen}=    In the container    env
    Should Contain    ${seen.splitlines()}    MAIL_HOST=${address}

Copy waits for an admin
    [Documentation]    A restored or cloned instance: all tasks, none running, no schedule until that action.
    [Arguments]    ${copy}    ${action}    ${input}
    Should Not Be Equal    ${copy}    ${MID}
    ${original}=    Task names
    # What a run that a power failure ended leaves: none of it says "running".
    Run on the node    runagent -m ${copy} sh -c 'for end in lock pid progress report; do echo "{}" >imapsync/u7_life01.$end; done'
    ${tasks}=    Run task    module/${copy}/list-tasks    null
    ${names}=    Evaluate    sorted(t["localuser"] + "_" + t["task_id"] for t in $tasks["user_properties"])
    Should Be Equal    ${names}    ${original}
    Should Be Equal    ${tasks}[schedules_paused]    ${TRUE}
    FOR    ${task}    IN    @{tasks}[user_properties]
        Should Be Equal    ${task}[state]    stopped
        Should Be Equal    ${task}[service_running]    ${FALSE}
        Should Be Equal    ${task}[progress]    ${NONE}
    END
    ${configuration}=    Run task    module/${copy}/get-configuration    null
    Should Be Equal    ${configuration}[mail_server]    ${MAIL_SERVER}
    ${unit}=    Run on the node    runagent -m ${copy} systemctl --user is-active imapsync
    Should Be Equal    ${unit.strip()}    active
    ${lines}=    Run on the node    runagent -m ${copy} sh -c 'cat cron/*.cron 2>/dev/null | grep -c "^[^#].*syncctl" || true'
    Should Be Equal As Integers    ${lines}    0
    Run task    module/${copy}/${action}    ${input}
    ${lines}=    Run on the node    runagent -m ${copy} sh -c 'cat cron/*.cron 2>/dev/null | grep -c "^[^#].*syncctl" || true'
    Should Be Equal As Integers    ${lines}    2

Remove copy
    [Arguments]    ${copy}
    Should Not Be Equal    ${copy}    ${MID}
    Run on the node    remove-module --no-preserve ${copy}

Import is over
    [Arguments]    ${copy}
    ${variables}=    Run on the node    runagent -m ${copy} cat environment
    Should Contain    ${variables}    IMPORT_TASK_ID

Clean up
    Stop slow link
    Run task    module/${MID}/delete-task    {"localuser": "u7"}
    Run task    module/${MID}/delete-task    {"localuser": "u8"}
    Run on the node    runagent -m ${MID} rm -f imapsync/mine.custom cron/mine.custom
