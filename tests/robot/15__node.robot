*** Settings ***
Documentation       The node around the instance: users, homes, containers, mail, as suites written for NS8 expect them.
Resource            module.resource
Library             OperatingSystem

*** Variables ***
${SEND}             SEPARATOR=\n
...                 import smtplib, sys
...                 text = "From: a@example.net\\r\\nTo: u9@example.org\\r\\nSubject: by-smtp\\r\\n\\r\\n..two dots\\r\\n"
...                 with smtplib.SMTP(sys.argv[1], 10587, timeout=20) as server:
...                 ${SPACE*4}server.sendmail("a@example.net", ["u9@example.org"], text)

*** Test Cases ***
The system is running
    ${state}=    Run on the node    systemctl is-system-running --wait
    Should Be Equal    ${state.strip()}    running

Files go to the node by sftp
    Create File    ${TEMPDIR}/sent-by-sftp    some text
    Put File    ${TEMPDIR}/sent-by-sftp    /tmp/came-by-sftp
    ${text}=    Run on the node    cat /tmp/came-by-sftp; rm /tmp/came-by-sftp
    Should Be Equal    ${text.strip()}    some text

The instance is a user with a home
    Skip unless rootless
    ${home}=    Run on the node    runagent -m ${MID} sh -c 'cd; pwd; id -un'
    Should Be Equal    ${home.split()}    ${{["/home/" + $MID, $MID]}}
    ${owner}=    Run on the node    stat -c %U /home/${MID}/.config/state/imapsync/vmail.pwd
    Should Be Equal    ${owner.strip()}    ${MID}

Root in the container is that user
    Skip unless rootless
    ${map}=    In the container    cat /proc/self/uid_map
    ${uid}=    Run on the node    id -u ${MID}
    Should Be Equal    ${{$map.split()[:3]}}    ${{["0", $uid.strip(), "1"]}}

The container may do next to nothing
    ${status}=    In the container    cat /proc/1/status
    # CAP_SETGID: cronie sets the groups of a job's user, which is root.
    Should Match Regexp    ${status}    CapEff:\\s+0000000000000040
    Should Match Regexp    ${status}    CapBnd:\\s+0000000000000040
    Should Match Regexp    ${status}    NoNewPrivs:\\s+1

The image holds the programs that docs/security.md lists
    ${document}=    OperatingSystem.Get File    ${EXECDIR}/docs/security.md
    ${table}=    Evaluate    $document.split("## The image and the container")[1].split("|---|---|")[1].split("\\n\\n")[0]
    ${listed}=    Evaluate    [name for row in $table.splitlines() for name in re.findall("\`([^\`]+)\`", row.split("|")[1] if "|" in row else "")]    modules=re
    ${found}=    In the container    find /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin -mindepth 1 -printf '%f '
    Should Be Equal    ${{sorted(set($found.split()))}}    ${{sorted($listed)}}

The image holds no setuid program
    ${found}=    In the container    find / -xdev -type f -perm /6000
    Should Be Empty    ${found}

The container has a network of its own
    Skip unless rootless
    ${inside}=    In the container    readlink /proc/self/ns/net
    ${outside}=    Run on the node    readlink /proc/self/ns/net
    Should Not Be Equal    ${inside}    ${outside}

Mail sent to the submission port is delivered
    Empty account    local    u9
    Run on the node    python3 - ${MAIL_HOST} <<'END'\n${SEND}\nEND
    Wait Until Keyword Succeeds    20 s    0.5 s    Mail has come
    ${files}=    Run on the node
    ...    runagent -m ${MAIL_MODULE} podman exec -w /var/lib/vmail dovecot sh -c 'cat u9/Maildir/*/*'
    Should Contain    ${files}    ..two dots
    Should Not Contain    ${files}    ...two dots

Prometheus finds the numbers at the private address alone, and no mailbox in them
    ${target}=    Metrics target
    ${numbers}=    Wait Until Keyword Succeeds    30s    1s    Run on the node    python3 -c 'import sys, urllib.request as u; print(u.urlopen("http://" + sys.argv[1] + "/metrics", timeout=5).read().decode())' ${target}
    Should Contain    ${numbers}    imapsync_tasks{condition="never"}
    Should Not Contain    ${numbers}    example
    ${port}=    Evaluate    $target.rpartition(":")[2]
    ${listening}=    Run on the node    ss -Hltn sport = :${port}
    Should Be Equal    ${{[line.split()[3] for line in $listening.splitlines()]}}    ${{[$target]}}
    ${rules}=    Run on the node    runagent -m ${MID} redis-exec HGET module/${MID}/metrics_alert_rules imapsync
    Should Contain    ${rules}    module_id=

*** Keywords ***
Metrics target
    ${found}=    Run on the node    runagent -m ${MID} redis-exec HGET module/${MID}/metrics_targets imapsync
    ${target}=    Evaluate    re.search('"targets": ."([^"]+)"', $found)[1]    modules=re
    RETURN    ${target}

Skip unless rootless
    ${uid}=    Run on the node    runagent -m ${MID} id -u
    Skip If    ${uid.strip()} == 0    this node runs modules as root

Mail has come
    ${subjects}=    Subjects of account    local    u9
    Should Be Equal    ${subjects}    ${{["by-smtp"]}}
