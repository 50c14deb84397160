*** Settings ***
Documentation       An update from the existing module, whose state is made in its documented form, and a way back.
Resource            module.resource
Library             Existing
Suite Setup         Update from the existing module
Suite Teardown      Take the instance away

*** Variables ***
${REMOTE}           r20@example.net
${USER}             u9

*** Test Cases ***
Every task is listed under its own id, and a broken file as such
    ${tasks}=    All tasks
    ${sound}=    Evaluate    sorted(f"{one['localuser']}_{one['task_id']}" for one in $tasks if not one["error"])
    ${expected}=    Existing names
    ${expected}=    Evaluate    sorted($expected)
    Should Be Equal    ${sound}    ${expected}
    ${broken}=    Evaluate    [one["error"] for one in $tasks if one["error"]]
    Length Should Be    ${broken}    5

Every task keeps its schedule
    ${count}=    Run on the node    runagent -m ${INSTANCE} sh -c 'ls cron | grep -c "[.]cron$"'
    ${tasks}=    All tasks
    ${scheduled}=    Evaluate    sum(bool(one["cron"]) for one in $tasks)
    Should Be Equal As Integers    ${count}    ${scheduled}

Every task runs, although the module is updated while some run and the others wait
    Deliver    remote    ${REMOTE}    from-the-existing-module
    ${kept}=    Passwords and schedules
    ${BEGUN}=    Evaluate    int(time.time())    modules=time
    Set Suite Variable    ${BEGUN}
    Run task    module/${INSTANCE}/start-all-tasks    null
    Wait Until Keyword Succeeds    60 s    0.2 s    Some tasks run and others wait
    Run on the node    update-module --force ${IMAGE_URL} ${INSTANCE}
    ${now}=    Passwords and schedules
    Should Be Equal    ${now}    ${kept}
    Wait Until Keyword Succeeds    900 s    2 s    Every sound task has run

Every task is edited under its own id, without its password
    ${requests}=    Existing requests    12    cron=7m
    FOR    ${request}    IN    @{requests}
        Run task    module/${INSTANCE}/create-task    ${request}
    END
    ${tasks}=    All tasks
    ${expected}=    Get Length    ${requests}
    ${edited}=    Evaluate    sum(one["cron"] == "7m" for one in $tasks)
    Should Be True    ${edited} >= ${expected} - 2
    Run task    module/${INSTANCE}/stop-all-tasks    null

A downgrade reads every file
    ${archive}=    Run on the node    runagent -m ${INSTANCE} sh -c 'tar -cz imapsync/*.env | base64 -w0'
    ${problems}=    Existing problems    ${archive}
    Should Be Empty    ${problems}

Every task is deleted with its files, and nothing else is
    Run task    module/${INSTANCE}/delete-task    {"localuser": "${USER}"}
    ${tasks}=    All tasks
    FOR    ${task}    IN    @{tasks}
        ${which}=    Evaluate    json.dumps({"localuser": $task["localuser"], "task_id": $task["task_id"]})    modules=json
        Run task    module/${INSTANCE}/delete-task    ${which}
    END
    ${left}=    Run on the node    runagent -m ${INSTANCE} sh -c 'find imapsync cron -type f ! -path "*/.*"'
    ${left}=    Evaluate    sorted(one for one in $left.split() if one != "imapsync/vmail.pwd")
    ${own}=    Files of the administrator
    Should Be Equal    ${left}    ${own}

*** Keywords ***
Update from the existing module
    Empty account    remote    ${REMOTE}
    Empty account    local    ${USER}
    ${output}=    Run on the node    add-module ${IMAGE_URL} 1
    ${answer}=    Evaluate    ast.literal_eval($output)    modules=ast
    Set Suite Variable    ${INSTANCE}    ${answer}[module_id]
    Run task    module/${INSTANCE}/configure-module    {"mail_server": "${MAIL_SERVER}", "mail_host": "${MAIL_HOST}"}
    ${host}=    Remote setting    host
    ${password}=    Remote password    ${REMOTE}
    ${state}=    Existing state    ${USER}    ${password}    REMOTEHOSTNAME=${host}    REMOTEUSERNAME=${REMOTE}
    Run on the node    echo ${state} | base64 -d | runagent -m ${INSTANCE} tar -xz --no-same-owner
    Run on the node    update-module --force ${IMAGE_URL} ${INSTANCE}
    Wait Until Keyword Succeeds    60 s    0.5 s    The service answers

The service answers
    Run on the node    runagent -m ${INSTANCE} podman exec imapsync true

All tasks
    ${answer}=    Run task    module/${INSTANCE}/list-tasks    {}
    RETURN    ${answer}[user_properties]

Passwords and schedules
    ${files}=    Run on the node
    ...    runagent -m ${INSTANCE} sh -c 'find imapsync cron "(" -name "*.pwd" -o -name "*.cron" ")" ! -name vmail.pwd -exec sha256sum "{}" + | sort'
    RETURN    ${files}

Some tasks run and others wait
    ${tasks}=    All tasks
    ${states}=    Evaluate    [one["state"] for one in $tasks]
    Should Contain    ${states}    running
    Should Contain    ${states}    queued

Every sound task has run
    ${tasks}=    All tasks
    ${left}=    Evaluate
    ...    [one["task_id"] for one in $tasks if not one["error"] and (not one["has_log"] or one["last_sync_timestamp"] < ${BEGUN})]
    Should Be Empty    ${left}

Take the instance away
    Run on the node    remove-module --no-preserve ${INSTANCE}
