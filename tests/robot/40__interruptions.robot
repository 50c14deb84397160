*** Settings ***
Documentation       Runs that end in the middle: by kill -9, with the container, by stop-task. A slow link to the remote server
...                 gives the time to catch them.
Resource            module.resource
Suite Setup         Prepare
Suite Teardown      Clean up
Test Teardown       Run Keyword If Test Failed    Show the log

*** Variables ***
${REMOTE}           r04@example.net
${MESSAGES}         ${400}
${SLOW}             ${800000}
${KILL_ENGINE}      SEPARATOR=\n
...                 import os, signal
...                 for pid in filter(str.isdigit, os.listdir("/proc")):
...                 ${SPACE*4}try:
...                 ${SPACE*8}words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\\0")
...                 ${SPACE*4}except OSError:
...                 ${SPACE*8}continue
...                 ${SPACE*4}if b"/usr/local/bin/imapsync" in words:
...                 ${SPACE*8}os.kill(int(pid), signal.SIGKILL)
...                 ${SPACE*8}print("killed", pid)

*** Test Cases ***
kill -9 of the engine in the middle of a run
    Start over
    Wait for copying    u3    slow01    60
    ${killed}=    Run on the node    runagent -m ${MID} podman exec -i imapsync python3 - <<'END'\n${KILL_ENGINE}\nEND
    Should Contain    ${killed}    killed
    ${task}=    Wait for state    u3    slow01    stopped    timeout_s=${5}
    Should Be Equal    ${task}[service_running]    ${FALSE}
    Should Be Equal    ${task}[progress]    ${NONE}
    Should Not Be Equal As Integers    ${task}[result][exit_code]    0
    The next start completes

podman kill of the container in the middle of a run, which goes on by itself
    Start over
    Wait for copying    u3    slow01    60
    ${killed_at}=    Evaluate    time.time()    modules=time
    Run on the node    runagent -m ${MID} podman kill imapsync
    ${task}=    Task    u3    slow01
    Should Be Equal    ${task}[state]    stopped
    Should Be Equal    ${task}[service_running]    ${FALSE}
    Set speed of link    0
    Wait Until Keyword Succeeds    60 s    0.5 s    The service is active
    Wait for result    u3    slow01    ${killed_at}
    Accounts should be equal    ${REMOTE}    u3
    The next start completes

Two starts in the middle of a run change nothing
    Start over
    Wait for copying    u3    slow01    20
    Start task    u3    slow01
    Start task    u3    slow01
    ${engines}=    In the container    sh -c 'grep -alz "^/usr/local/bin/imapsync$" /proc/[0-9]*/cmdline | wc -l'
    Should Be Equal As Integers    ${engines}    1
    Set speed of link    0
    Wait for result    u3    slow01    ${BEFORE}
    Accounts should be equal    ${REMOTE}    u3

stop-task in the middle leaves the earlier result
    Empty account    remote    ${REMOTE}
    Start over
    ${earlier}=    Wait for result    u3    slow01    ${BEFORE}
    Fill remote account    ${REMOTE}    ${MESSAGES}
    Set speed of link    ${SLOW}
    Start task    u3    slow01
    Wait for copying    u3    slow01    60
    ${before}=    Evaluate    time.monotonic()    modules=time
    Stop task    u3    slow01
    ${task}=    Task    u3    slow01
    ${seconds}=    Evaluate    time.monotonic() - ${before}    modules=time
    Should Be Equal    ${task}[state]    stopped
    Should Be True    ${seconds} < 5    stop-task took ${seconds} s
    Should Be Equal    ${task}[result]    ${earlier}
    The next start completes

Stopping a stopped task is no error
    Stop task    u3    slow01
    Stop task    u3    slow01

A broken link in the middle is reported and made up for
    Start over
    Wait for copying    u3    slow01    60
    Cut link
    Set speed of link    0
    ${result}=    Wait for result    u3    slow01    ${BEFORE}    exit_code=${NONE}
    Log    ${result}
    The next start completes

Deleting a running task ends it and leaves no file
    Start over
    Wait for copying    u3    slow01    20
    Delete task    u3    slow01
    ${names}=    Task names
    Should Not Contain    ${names}    u3_slow01
    ${files}=    Files of    u3_slow01
    Should Be Empty    ${files}

Tasks over max_parallel wait in turn
    Run task    module/${MID}/configure-module
    ...    {"mail_server": "${MAIL_SERVER}", "mail_host": "${MAIL_HOST}", "max_parallel": 1}
    Start over
    Wait for copying    u3    slow01    1
    Deliver    remote    r02@example.net    queued
    ${before}=    Create task    u2    queue1    r02@example.net
    ${task}=    Wait for state    u2    queue1    queued
    Should Be Equal As Integers    ${task}[queue_position]    1
    Run task    module/${MID}/stop-all-tasks    null
    Wait for state    u3    slow01    stopped
    Wait for state    u2    queue1    stopped
    Set speed of link    0
    Run task    module/${MID}/start-all-tasks    null
    Wait for result    u3    slow01    ${before}
    Wait for result    u2    queue1    ${before}
    Accounts should be equal    ${REMOTE}    u3
    [Teardown]    Run task    module/${MID}/configure-module
    ...    {"mail_server": "${MAIL_SERVER}", "mail_host": "${MAIL_HOST}", "max_parallel": 4}

*** Keywords ***
Prepare
    Fill remote account    ${REMOTE}    ${MESSAGES}
    Empty account    local    u2
    ${port}=    Start slow link    ${SLOW}
    Set Suite Variable    ${LINK_PORT}    ${port}

Start over
    [Documentation]    An empty local account and a task that has begun to fill it through the slow link.
    Delete task    u3    slow01
    Empty account    local    u3
    Set speed of link    ${SLOW}
    ${before}=    Create task    u3    slow01    ${REMOTE}    remoteport=${LINK_PORT}
    Set Suite Variable    ${BEFORE}    ${before}

The next start completes
    Set speed of link    0
    ${before}=    Start task    u3    slow01
    Wait for result    u3    slow01    ${before}
    Accounts should be equal    ${REMOTE}    u3

Show the log
    ${answer}=    Run task    module/${MID}/get-log    {"localuser": "u3", "task_id": "slow01"}
    Log    ${answer}[log_content]    WARN

Clean up
    Delete task    u3    slow01
    Delete task    u2    queue1
    Stop slow link
