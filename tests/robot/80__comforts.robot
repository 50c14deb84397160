*** Settings ***
Documentation       Tasks from a CSV file, schedules and custom cron files run by the container's crond, counters.
Resource            module.resource
Suite Setup         Prepare
Suite Teardown      Clean up

*** Test Cases ***
A check of the file creates nothing
    ${csv}=    Csv rows    u7,r07@example.net    u8,r08@example.net
    Import    --check    ${csv}
    ${names}=    Task names
    Should Not Contain    ${{" ".join($names)}}    u7_

A header without a required column is refused
    ${output}=    Import    ${EMPTY}    localusername,remoteusername\nu7,r07@example.net    rc_expected=1
    Should Contain    ${output}    Missing
    Should Contain    ${output}    remotepassword

Rows become tasks that run
    Deliver    remote    r07@example.net    by-csv
    ${csv}=    Csv rows    u7,r07@example.net    u8,r08@example.net
    ${output}=    Import    ${EMPTY}    ${csv}
    Should Contain    ${output}    2 created
    ${id}=    Task id of    u7
    Wait for result    u7    ${id}
    ${subjects}=    Subjects of account    local    u7
    Should Contain    ${subjects}    by-csv
    Set Suite Variable    ${U7_ID}    ${id}

The same file again skips what syncs already
    ${csv}=    Csv rows    u7,R07@Example.net    u8,r08@example.net
    ${output}=    Import    ${EMPTY}    ${csv}
    Should Contain    ${output}    already syncs
    ${names}=    Task names
    ${mine}=    Evaluate    [name for name in $names if name[:3] in ("u7_", "u8_")]
    Length Should Be    ${mine}    2

An update keeps the id
    ${csv}=    Csv rows    u7,r07@example.net
    ${output}=    Import    --update    ${csv}
    Should Match Regexp    ${output}    1 updated
    ${id}=    Task id of    u7
    Should Be Equal    ${id}    ${U7_ID}

A refused row is told in words, the others are created
    ${csv}=    Csv rows    u9,r09@example.net
    ${remote}=    Remote setting    host
    ${csv}=    Set Variable    ${csv}administrator,r10@example.net,wrong,${remote},143,tls\n
    ${output}=    Import    ${EMPTY}    ${csv}    rc_expected=1
    Should Contain    ${output}    refused the user or password
    Should Contain    ${output}    1 created
    Should Contain    ${output}    1 failed

Schedules and custom files run by themselves
    Empty account    local    john
    Run on the node    runagent -m ${MID} sh -c 'umask 022; cat >imapsync/hello.custom; chmod 755 imapsync/hello.custom' <<'END'\n#!/bin/sh\ndate >/etc/imapsync/hello.out\nEND
    Run on the node    runagent -m ${MID} sh -c 'cat >cron/hello.custom' <<'END'\n* * * * * root /etc/imapsync/hello.custom\nEND
    Deliver    remote    r11@example.net    before
    ${before}=    Create task    john    cron01    r11@example.net    cron=1m
    Wait for result    john    cron01    ${before}
    Deliver    remote    r11@example.net    by-schedule
    Wait Until Keyword Succeeds    150 s    1 s    The local inbox holds    john    by-schedule
    Wait Until Keyword Succeeds    75 s    1 s    Run on the node    runagent -m ${MID} test -s imapsync/hello.out
    Stop task    john    cron01
    Delete task    john    cron01
    Run on the node    runagent -m ${MID} test -s imapsync/hello.custom -a -s cron/hello.custom
    [Teardown]    Run on the node    runagent -m ${MID} rm -f imapsync/hello.custom imapsync/hello.out cron/hello.custom

Counters for the inventory
    ${facts}=    Run task    module/${MID}/get-facts    null
    Should Be Equal As Integers    ${facts}[tasks_total_count]    3
    Should Be Equal As Integers    ${facts}[tasks_cron_enabled_count]    0

The form's questions are answered
    ${password}=    Remote password    r07@example.net
    ${host}=    Remote setting    host
    ${request}=    Evaluate    json.dumps({"remotehostname": $host, "remoteport": 143, "security": "tls", "remoteusername": "r07@example.net", "remotepassword": $password})    modules=json
    ${answer}=    Run task    module/${MID}/list-remote-folders    ${request}
    ${names}=    Evaluate    [folder["name"] for folder in $answer["folders"]]
    Should Contain    ${names}    INBOX

*** Keywords ***
Prepare
    FOR    ${number}    IN    07    08    09    10    11
        Empty account    remote    r${number}@example.net
    END
    FOR    ${user}    IN    u7    u8    u9
        Empty account    local    ${user}
    END

Import
    [Arguments]    ${option}    ${csv}    ${rc_expected}=0
    ${output}=    Run on the node    runagent -m ${MID} import-csv-tasks ${option} 2>&1 <<'END'\n${csv}\nEND    rc_expected=${rc_expected}
    Log    ${output}
    RETURN    ${output}

Task id of
    [Arguments]    ${localuser}
    ${names}=    Task names
    ${ids}=    Evaluate    [name.partition("_")[2] for name in $names if name.startswith("${localuser}_")]
    Length Should Be    ${ids}    1
    RETURN    ${ids}[0]

The local inbox holds
    [Arguments]    ${user}    ${subject}
    ${subjects}=    Subjects of account    local    ${user}
    Should Contain    ${subjects}    ${subject}

Clean up
    FOR    ${user}    IN    u7    u8    u9    john
        Run task    module/${MID}/delete-task    {"localuser": "${user}"}
    END
