*** Settings ***
Documentation       No password in any place that someone else can read, while a task runs and afterwards.
Resource            module.resource
Suite Setup         Prepare
Suite Teardown      Clean up

*** Variables ***
${REMOTE}           r06@example.net

*** Test Cases ***
Not in the arguments or the environment of any process
    ${found}=    Run on the node
    ...    ${NEEDLES} | grep -alF -f - /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || true
    Should Be Empty    ${found}

Not in the log of the task, nor in the logs of the system
    ${answer}=    Run task    module/${MID}/get-log    {"localuser": "u6", "task_id": "secret1"}
    Should Hold no secret    ${answer}[log_content]
    ${log}=    Run on the node    runagent -m ${MID} podman logs imapsync 2>&1
    Should Hold no secret    ${log}
    ${log}=    Run on the node    cat /var/lib/devnode/$DEVNODE/log/*/*.log 2>/dev/null || journalctl --since=-1h --no-pager
    Should Hold no secret    ${log}

Not in what actions answer
    FOR    ${action}    IN    list-tasks    get-configuration    get-facts    get-statistics
        ${answer}=    Run task    module/${MID}/${action}    null    decode_json=${FALSE}
        Should Hold no secret    ${answer}
    END
    ${answer}=    Run task    module/${MID}/list-failures    {"localuser": "u6", "task_id": "secret1"}    decode_json=${FALSE}
    Should Hold no secret    ${answer}

Not in the results that the cluster stores
    ${stored}=    Run on the node    runagent -m ${MID} python3 - <<'END'\n${READ_STORED}\nEND
    Should Contain    ${stored}    create-task
    Should Hold no secret    ${stored}

Not in a file that others can read, nor in one that is not the task's password file
    ${files}=    Run on the node    ${NEEDLES} | runagent -m ${MID} sh -c 'cd ..; grep -rlF -f - . || true'
    ${names}=    Evaluate    sorted($files.split())
    ${expected}=    Create List    ./state/imapsync/u6_secret1.pwd    ./state/imapsync/vmail.pwd
    Should Be Equal    ${names}    ${expected}
    ${modes}=    Run on the node    runagent -m ${MID} sh -c 'stat -c %a imapsync/u6_secret1.pwd imapsync/vmail.pwd imapsync/u6_secret1.env'
    ${modes}=    Evaluate    set($modes.split())
    ${private}=    Evaluate    {"600"}
    Should Be Equal    ${modes}    ${private}

Not in the log after a refused login
    Create task refused    remotepassword    bad_user_credentials    2    u6    secret1    ${REMOTE}    remotepassword=not-${SECRET}
    ${log}=    Run on the node    cat /var/lib/devnode/$DEVNODE/log/*/*.log 2>/dev/null || journalctl --since=-1h --no-pager
    Should Hold no secret    ${log}

*** Keywords ***
Prepare
    Fill remote account    ${REMOTE}    400
    Empty account    local    u6
    ${password}=    Remote password    ${REMOTE}
    # The first characters: JSON, shells and IMAP write the others each in their own way.
    Set Suite Variable    ${SECRET}    ${password}[:10]
    ${master}=    Run task    module/${MAIL_MODULE}/reveal-master-credentials    null
    Set Suite Variable    ${MASTER}    ${master}[password]
    # In two parts, so that the search does not find its own arguments.
    ${needles}=    Catenate    printf '%s%s\\n'
    ...    '${SECRET}[:5]' '${SECRET}[5:]' '${MASTER}[:16]' '${MASTER}[16:]'
    Set Suite Variable    ${NEEDLES}    ${needles}
    ${script}=    Catenate    SEPARATOR=\n
    ...    import os, agent
    ...    rdb = agent.redis_connect(privileged=True)
    ...    for key in rdb.scan_iter("task/" + os.environ["AGENT_ID"] + "/*"):
    ...    ${SPACE*4}print(key, rdb.get(key))
    Set Suite Variable    ${READ_STORED}    ${script}
    ${port}=    Start slow link    ${2000000}
    Create task    u6    secret1    ${REMOTE}    remoteport=${port}
    Wait for copying    u6    secret1    1

Should Hold no secret
    [Arguments]    ${text}
    Should Not Contain    ${text}    ${SECRET}
    Should Not Contain    ${text}    ${MASTER}

Clean up
    Delete task    u6    secret1
    Stop slow link
