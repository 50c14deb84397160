*** Settings ***
Documentation       Every command in README.md and docs/module.md, as it stands there. Only these words are replaced: names of
...                 hosts, the Mail instance's UUID and address, the id of the instance, and the image if it has another name.
Resource            module.resource
Library             Documents
Suite Setup         Prepare
Suite Teardown      Run on the node    rm -rf ${FOLDER}
Test Teardown       Remove the example instance

*** Variables ***
${FOLDER}           /tmp/imapsync-examples
${IMAGE_NAME}       ghcr.io/nethserver/imapsync:latest

*** Test Cases ***
The module's manual
    Run the examples    docs/module.md

The README
    Run the examples    README.md

*** Keywords ***
Prepare
    Empty account    remote    username
    Deliver    remote    username    from-the-manual
    Empty account    remote    anna
    Deliver    remote    anna    from-the-readme
    FOR    ${user}    IN    administrator    anna    foo    john    u9
        Empty account    local    ${user}
    END
    Empty account    remote    r14@example.net
    Run on the node    mkdir -p ${FOLDER}
    ${csv}=    Csv rows    u9,r14@example.net
    Run on the node    umask 077; cat >${FOLDER}/users.csv <<'END'\n${csv}END
    ${remote}=    Remote setting    host
    ${replacements}=    Create Dictionary
    ...    8dd3b3fe-609c-42f7-a2d1-cecba9461bea=${MAIL_SERVER}
    ...    10.5.4.1=${MAIL_HOST}
    ...    imap.foo.com=${remote}
    ...    imap.example.org=${remote}
    ...    old.example.org=${remote}
    ...    new.example.org=${MAIL_HOST}
    Set Suite Variable    ${REPLACEMENTS}    ${replacements}
    Set Suite Variable    ${EXAMPLE}    ${NONE}

Run the examples
    [Arguments]    ${document}
    ${examples}=    Examples of    ${document}
    Should Not Be Empty    ${examples}
    FOR    ${example}    IN    @{examples}
        ${text}=    With replacements    ${example}[2]    ${REPLACEMENTS}
        Log    ${document}:${example}[1]\n${text}
        IF    "imapsync --host1" in $text
            Run the engine's example    ${text}
        ELSE
            Run the module's example    ${text}
        END
    END

Run the module's example
    [Documentation]    A pasted command succeeds. The tasks that later examples speak of are made when there is an instance.
    [Arguments]    ${text}
    IF    $IMAGE_URL != $IMAGE_NAME
        ${text}=    Evaluate    $text.replace("add-module imapsync", "add-module ${IMAGE_URL}")
    END
    ${output}=    Run on the node    cd ${FOLDER} && bash -e <<'END-OF-EXAMPLE'\n${text}\nEND-OF-EXAMPLE
    Log    ${output}
    ${instance}=    Instance of    ${output}
    IF    $instance is not None
        Set Suite Variable    ${EXAMPLE}    ${instance}
        Set To Dictionary    ${REPLACEMENTS}    imapsync1=${instance}
    END
    IF    "configure-module" in $text
        ${john}=    Task data    john    vd2am3    username
        Run task    module/${EXAMPLE}/create-task    ${john}
        ${foo}=    Task data    foo    a0241w    username
        Run task    module/${EXAMPLE}/create-task    ${foo}
    ELSE IF    "list-informations" in $text
        Should Contain    ${output}    "status": true
    ELSE IF    "test-remote" in $text
        Should Contain    ${output}    "ok": true
    ELSE IF    $text.startswith("remove-module")
        Set Suite Variable    ${EXAMPLE}    ${NONE}
    END

Run the engine's example
    [Arguments]    ${text}
    ${password}=    Local password    anna
    ${output}=    Run here in a fresh checkout    ${text}    ${password}
    Should Contain    ${output}    The sync looks good, all 1 identified messages in host1 are on host2.
    Accounts should be equal    anna    anna

Remove the example instance
    IF    $EXAMPLE is not None
        Run on the node    remove-module --no-preserve ${EXAMPLE}
        Set Suite Variable    ${EXAMPLE}    ${NONE}
    END
