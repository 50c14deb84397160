*** Settings ***
Documentation       The platform at its worst: websockets that drop at random, restore and clone that stop half-way.
...                 What came half is seen as such, goes without a trace, and the next attempt succeeds.
Resource            module.resource
Library             OperatingSystem
Library             Process
Test Tags           devnode    slow
Suite Setup         Prepare
Suite Teardown      Clean up
Test Teardown       Nothing goes wrong any more

*** Variables ***
${REMOTE}           r17@example.net
${USER}             u7

*** Test Cases ***
Websockets that drop within a second cost no answer of Mail
    Things go wrong    --websocket    1
    FOR    ${round}    IN RANGE    5
        ${answer}=    Run task    module/${MID}/list-mailboxes    {"refresh": true}
        Should Be Equal    ${answer}[mailboxes_error]    ${NONE}
        Should Not Be Empty    ${answer}[enabled_mailboxes]
    END
    Run on the node    runagent -m ${MID} rm -f imapsync/vmail.pwd
    Run on the node    runagent -m ${MID} systemctl --user restart imapsync
    Wait Until Keyword Succeeds    60 s    0.5 s    The service is active
    ${before}=    Create task    ${USER}    fault01    ${REMOTE}    cron=23h
    Wait for result    ${USER}    fault01    ${before}

A restore that stops half-way
    ${backup}=    Run task    cluster/add-backup    {"instances": ["${MID}"]}
    Run task    cluster/run-backup    {"id": ${backup}[id]}
    ${uuid}=    Run on the node    runagent -m ${MID} sh -c 'echo $MODULE_UUID'
    ${input}=    Set Variable
    ...    {"node": 1, "repository": "${backup}[id]", "path": "imapsync/${uuid.strip()}", "snapshot": "latest", "replace": false}
    Things go wrong    restore-module
    ${known}=    Instances
    Run task    cluster/restore-module    ${input}    decode_json=${FALSE}    rc_expected=1
    A half made instance is harmless and goes    ${known}
    Nothing goes wrong any more
    ${answer}=    Run task    cluster/restore-module    ${input}
    A copy has every task    ${answer}[module_id]

A clone that stops half-way
    FOR    ${fault}    IN    clone-module    transfer-state
        Things go wrong    ${fault}
        ${known}=    Instances
        Run task    cluster/clone-module    {"module": "${MID}", "node": 1, "replace": false}    decode_json=${FALSE}    rc_expected=1
        A half made instance is harmless and goes    ${known}
        # The original goes on.
        Wait Until Keyword Succeeds    60 s    0.5 s    The service is active
        ${before}=    Start task    ${USER}    fault01
        Wait for result    ${USER}    fault01    ${before}
    END
    Nothing goes wrong any more
    ${answer}=    Run task    cluster/clone-module    {"module": "${MID}", "node": 1, "replace": false}
    A copy has every task    ${answer}[module_id]

*** Keywords ***
Prepare
    Empty account    remote    ${REMOTE}
    Empty account    local    ${USER}
    Deliver    remote    ${REMOTE}    through-faults

Things go wrong
    [Arguments]    @{what}
    ${name}=    Get Environment Variable    DEVNODE
    ${done}=    Run Process    ${EXECDIR}/.venv/bin/python    -m    devnode    faults    --name    ${name}    @{what}    cwd=${EXECDIR}
    Should Be Equal As Integers    ${done.rc}    0    ${done.stderr}

Nothing goes wrong any more
    Things go wrong

Instances
    ${answer}=    Run task    cluster/list-installed-modules    null
    ${ids}=    Evaluate    {one["id"] for found in $answer.values() for one in found}
    RETURN    ${ids}

A half made instance is harmless and goes
    [Documentation]    It answers, nothing of it runs or is scheduled, and nothing of it stays.
    [Arguments]    ${known}
    ${now}=    Instances
    ${new}=    Evaluate    sorted($now - $known)
    Length Should Be    ${new}    1
    ${half}=    Set Variable    ${new}[0]
    ${tasks}=    Run task    module/${half}/list-tasks    {}
    FOR    ${task}    IN    @{tasks}[user_properties]
        Should Be Equal    ${task}[state]    stopped
    END
    Run task    module/${half}/get-configuration    null
    Run task    module/${half}/get-facts    null
    ${unit}=    Run on the node    runagent -m ${half} systemctl --user is-active imapsync    rc_expected=3
    Should Be Equal    ${unit.strip()}    inactive
    Run on the node    remove-module --no-preserve ${half}
    Run on the node    test ! -e /home/${half}

A copy has every task
    [Arguments]    ${copy}
    ${original}=    Task names
    ${tasks}=    Run task    module/${copy}/list-tasks    {}
    ${names}=    Evaluate    sorted(t["localuser"] + "_" + t["task_id"] for t in $tasks["user_properties"])
    Should Be Equal    ${names}    ${original}
    Should Be Equal    ${tasks}[schedules_paused]    ${TRUE}
    Run on the node    remove-module --no-preserve ${copy}

Clean up
    Nothing goes wrong any more
    Run task    module/${MID}/delete-task    {"localuser": "${USER}"}
