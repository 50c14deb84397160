*** Settings ***
Documentation       Install, look around, configure.
Resource            module.resource

*** Test Cases ***
Install an instance
    Install the module
    ${roles}=    Run on the node    runagent -m ${MID} redis-exec SMEMBERS module/${MID}/roles/selfadm
    Should Contain    ${roles}    create-task
    ${unit}=    Run on the node    runagent -m ${MID} systemctl --user is-active imapsync    rc_expected=3
    Should Be Equal    ${unit.strip()}    inactive

An instance without settings answers
    ${configuration}=    Run task    module/${MID}/get-configuration    null
    Should Be Equal    ${configuration}[mail_server]    ${EMPTY}
    Should Be Equal    ${configuration}[mail_host]    ${EMPTY}
    ${tasks}=    Run task    module/${MID}/list-tasks    null
    Should Be Empty    ${tasks}[user_properties]
    Should Be Empty    ${tasks}[enabled_mailboxes]
    Should Be Equal    ${tasks}[mailboxes_error]    not_configured

A task needs settings first
    ${local}    ${remote}=    Evaluate    "u2", "r01@example.net"
    Create task refused    localuser    not_configured    7    ${local}    early1    ${remote}
    ${files}=    Files of    ${local}_early1
    Should Be Empty    ${files}

An unknown mail server is refused
    ${answer}=    Run task    module/${MID}/configure-module
    ...    {"mail_server": "8dd3b3fe-609c-42f7-a2d1-000000000000", "mail_host": "10.5.4.1"}    rc_expected=3
    Should Be Equal    ${answer}[0][field]    mail_server
    Should Be Equal    ${answer}[0][error]    mail_server_is_not_valid

A host name without a dot is refused by the schema
    ${answer}=    Run task    module/${MID}/configure-module    {"mail_server": "x", "mail_host": "mail"}    rc_expected=10
    Should Be Equal    ${answer}[0][field]    mail_host

Configure for the Mail instance
    Bind to mail
    ${configuration}=    Run task    module/${MID}/get-configuration    null
    Should Be Equal    ${configuration}[mail_server]    ${MAIL_SERVER}
    Should Be Equal    ${configuration}[mail_host]    ${MAIL_HOST}
    ${unit}=    Run on the node    runagent -m ${MID} systemctl --user is-active imapsync
    Should Be Equal    ${unit.strip()}    active
    ${enabled}=    Run on the node    runagent -m ${MID} systemctl --user is-enabled imapsync
    Should Be Equal    ${enabled.strip()}    enabled

The master password is stored for root alone
    ${modes}=    Run on the node    runagent -m ${MID} stat -c %a imapsync/vmail.pwd
    Should Be Equal    ${modes.strip()}    600

The mailboxes of the Mail instance are offered
    ${tasks}=    Run task    module/${MID}/list-tasks    null
    Should Be Equal    ${tasks}[mailboxes_error]    ${NONE}
    ${names}=    Evaluate    [mailbox["value"] for mailbox in $tasks["enabled_mailboxes"]]
    Should Contain    ${names}    u1
    Should Not Contain    ${names}    vmail

Configure again changes nothing
    Bind to mail
    Run on the node    runagent -m ${MID} systemctl --user is-active imapsync

The container runs without what it does not need
    ${found}=    In the container    sh -c 'for c in imapsync syncctl crond python3 pip gcc apt-get; do command -v $c; done; true'
    ${names}=    Evaluate    [path.rpartition("/")[2] for path in $found.split()]
    ${expected}=    Create List    imapsync    syncctl    crond    python3
    Should Be Equal    ${names}    ${expected}
