*** Settings ***
Documentation       What create-task refuses: one reason on the right field, soon, and nothing stays behind.
Resource            module.resource
Suite Setup         Prepare
Suite Teardown      Delete task    u3    good01

*** Variables ***
${REMOTE}           r03@example.net

*** Test Cases ***
A wrong password
    Refused and nothing left    remotepassword    bad_user_credentials    2    remotepassword=wrong

A user that does not exist
    Refused and nothing left    remotepassword    bad_user_credentials    2    remoteusername=nobody@example.net

A port where nobody listens
    Refused and nothing left    remoteport    check_hostname_or_tcp_port    3    remoteport=${9}

A host that does not exist
    Refused and nothing left    remotehostname    check_hostname_or_tcp_port    3    remotehostname=imap.does-not-exist.invalid

TLS from the first byte on a port that speaks none
    ${plain}=    Remote setting    plain_host
    Refused and nothing left    security    ssl_encryption_error    4    security=ssl    remotehostname=${plain}

STARTTLS of a server that has none
    ${plain}=    Remote setting    plain_host
    Refused and nothing left    security    starttls_not_allowed_use_imaps    4    remotehostname=${plain}

A certificate that no authority signed, when one is asked for
    Refused and nothing left    tls_trust    certificate_untrusted    5    tls_trust=ca

A certificate that is not the pinned one
    ${pin}=    Evaluate    "sha256:" + "0" * 64
    Refused and nothing left    tls_trust    certificate_untrusted    5    tls_trust=${pin}

A local user that does not exist
    Create task refused    localuser    mailbox_not_found    6    nosuchuser    bad001    ${REMOTE}
    Nothing is left of    nosuchuser_bad001

A schedule that cron cannot keep
    Refused and nothing left    cron    invalid_schedule    10    cron=90m

A pattern that is no regular expression
    Refused and nothing left    exclude    invalid_exclude    10    foldersynchronization=exclusion    exclude=(unclosed

A new task without password
    Refused and nothing left    remotepassword    password_required    10    remotepassword=${EMPTY}

Names that would leave the task's own files
    FOR    ${bad}    IN    ../escape    .hidden    a b    *
        ${data}=    Task data    u3    ${bad}    ${REMOTE}
        ${answer}=    Run task    module/${MID}/create-task    ${data}    rc_expected=10
        Should Be Equal    ${answer}[0][field]    task_id
    END
    FOR    ${bad}    IN    ../u3    .u3    u3*vmail    -u3
        ${data}=    Task data    ${bad}    bad001    ${REMOTE}
        ${answer}=    Run task    module/${MID}/create-task    ${data}    rc_expected=10
        Should Be Equal    ${answer}[0][field]    localuser
    END

A refused update leaves the old task as it was
    ${before}=    Create task    u3    good01    ${REMOTE}    cron=5m
    Wait for result    u3    good01    ${before}
    ${old}=    Everything of    u3_good01
    Create task refused    remotepassword    bad_user_credentials    2    u3    good01    ${REMOTE}
    ...    remotepassword=wrong    cron=7m
    Create task refused    remotehostname    check_hostname_or_tcp_port    3    u3    good01    ${REMOTE}
    ...    remotehostname=imap.does-not-exist.invalid    cron=7m
    ${new}=    Everything of    u3_good01
    Should Be Equal    ${new}    ${old}
    Deliver    remote    ${REMOTE}    after-refusal
    ${before}=    Start task    u3    good01
    ${result}=    Wait for result    u3    good01    ${before}
    Should Be Equal As Integers    ${result}[messages_transferred]    1

An update without password keeps the stored one
    ${before}=    Create task    u3    good01    ${REMOTE}    remotepassword=${EMPTY}    cron=2h
    Wait for result    u3    good01    ${before}
    ${task}=    Task    u3    good01
    Should Be Equal    ${task}[cron]    2h

*** Keywords ***
Prepare
    Empty account    remote    ${REMOTE}
    Empty account    local    u3
    Deliver    remote    ${REMOTE}    first

Refused and nothing left
    [Arguments]    ${field}    ${error}    ${rc}    &{changes}
    Create task refused    ${field}    ${error}    ${rc}    u3    bad001    ${REMOTE}    &{changes}
    Nothing is left of    u3_bad001

Nothing is left of
    [Arguments]    ${task}
    ${files}=    Files of    ${task}
    Should Be Empty    ${files}
    ${rollback}=    Run on the node    runagent -m ${MID} sh -c 'ls -A imapsync cron'
    Should Not Contain    ${rollback}    rollback
    Should Not Contain    ${rollback}    .tmp

Everything of
    [Documentation]    Settings, password and schedule of a task as they lie on the disk.
    [Arguments]    ${task}
    ${content}=    Run on the node
    ...    runagent -m ${MID} sh -c 'ls -A imapsync cron; cat imapsync/${task}.env imapsync/${task}.pwd cron/${task}.cron'
    RETURN    ${content}
