*** Settings ***
Documentation       The module from outside: what an administrator does on a node, by SSH, and what the mailboxes then hold.
Library             SSHLibrary
Suite Setup         Connect to the node
Suite Teardown      Disconnect from the node

*** Keywords ***
Connect to the node
    Open Connection    ${NODE_ADDR}
    Login With Public Key    root    ${SSH_KEYFILE}
    Wait Until Keyword Succeeds    60 s    1 s    The cluster answers

The cluster answers
    ${output}    ${rc}=    Execute Command    api-cli run cluster/list-installed-modules    return_rc=${TRUE}
    Should Be Equal As Integers    ${rc}    0    ${output}

Disconnect from the node
    Close All Connections
