*** Settings ***
Documentation       Remove the instance; nothing of it stays.
Resource            module.resource

*** Test Cases ***
Remove the instance
    ${home}=    Run on the node    runagent -m ${MID} sh -c 'cd ../..; pwd'
    ${home}=    Set Variable    ${home.strip()}
    Run on the node    remove-module --no-preserve ${MID}
    Run on the node    test ! -e ${home}
    ${keys}=    Run on the node    runagent -m ${MAIL_MODULE} redis-exec KEYS 'module/${MID}/*'
    Should Be Equal    ${keys.strip()}    []
    Run on the node    runagent -m ${MID} true    rc_expected=1
    ${processes}=    Run on the node    ps -eww -o args | grep -F ${home} | grep -vF grep || true
    Should Be Empty    ${processes}
    ${page}=    Run on the node    find /var/lib/devnode/$DEVNODE/ui /var/lib/nethserver/cluster/ui -maxdepth 2 -name ${MID} 2>/dev/null || true
    Should Be Empty    ${page}
    ${roles}=    Run task    cluster/list-installed-modules    null    decode_json=${FALSE}
    Should Not Contain    ${roles}    "${MID}"
