*** Settings ***
Documentation       Remove the instance while a task runs; nothing of it stays.
Resource            module.resource
Suite Teardown      Stop slow link

*** Test Cases ***
Remove the instance
    ${home}=    Run on the node    runagent -m ${MID} sh -c 'cd ../..; pwd'
    ${home}=    Set Variable    ${home.strip()}
    Run a slow task
    ${pids}=    Run on the node    runagent -m ${MID} podman top imapsync hpid
    ${conmon}=    Run on the node    runagent -m ${MID} podman inspect --format '{{.State.ConmonPid}}' imapsync
    ${pids}=    Evaluate    [word for word in ($pids + " " + $conmon).split() if word.isdigit()]
    # crond, syncctl, the engine, conmon
    Should Be True    len($pids) >= 4
    Run on the node    remove-module --no-preserve ${MID}
    ${alive}=    Run on the node    for pid in ${{" ".join($pids)}}; do if test -e /proc/$pid; then cat /proc/$pid/cmdline; fi; done
    Should Be Empty    ${alive}
    Run on the node    test ! -e ${home}
    ${keys}=    Run on the node    runagent -m ${MAIL_MODULE} redis-exec KEYS '*${MID}*'
    ${keys}=    Evaluate    [key for key in ast.literal_eval($keys) if not key.startswith("task/")]    modules=ast
    Should Be Empty    ${keys}
    Run on the node    runagent -m ${MID} true    rc_expected=1
    ${processes}=    Run on the node    ps -eww -o args | grep -F ${home}/ | grep -vF grep || true
    Should Be Empty    ${processes}
    ${mounts}=    Run on the node    grep -F ${home}/ /proc/mounts || true
    Should Be Empty    ${mounts}
    ${page}=    Run on the node    find /var/lib/devnode/$DEVNODE/ui /var/lib/nethserver/cluster/ui -maxdepth 2 -name ${MID} 2>/dev/null || true
    Should Be Empty    ${page}
    ${roles}=    Run task    cluster/list-installed-modules    null    decode_json=${FALSE}
    Should Not Contain    ${roles}    "${MID}"

*** Keywords ***
Run a slow task
    Fill remote account    r15@example.net    100
    Empty account    local    u9
    ${port}=    Start slow link    ${300000}
    Create task    u9    last01    r15@example.net    remoteport=${port}    cron=1m
    Wait for copying    u9    last01    1
