"""What the engine's report of a short run means for a form: which field is wrong, and why."""

from __future__ import annotations

from typing import Final

from imapsync_tasks.errors import ERRORS, Json, Refusal

#: Why a login by a source's token fails: what the token endpoint or the mail server said.
BY_TOKEN: Final = (
    "token_unavailable",
    "token_endpoint_unreachable",
    "token_endpoint_not_allowed",
    "token_request_refused",
    "client_secret_refused",
    "client_secret_expired",
    "client_not_found",
    "tenant_not_found",
    "consent_missing",
    "scope_refused",
    "clock_wrong",
    "key_unusable",
    "mailbox_unknown",
    "sign_in_needed",
    "sign_in_denied",
    "sign_in_expired",
    "sign_in_answer_wrong",
    "refresh_token_missing",
    "token_refused",
    "token_expired",
    "token_clock",
    "token_audience",
    "token_scope",
    "mailbox_not_granted",
    "not_connected",
)
_REMOTE: Final = {
    "authentication": ("bad_user_credentials", "remotepassword"),
    "login_dropped": ("bad_user_credentials", "remotepassword"),
    "not_allowed": ("host_not_allowed", "remotehostname"),
    "connection": ("check_hostname_or_tcp_port", "remoteport"),
    "timeout": ("check_hostname_or_tcp_port", "remoteport"),
    "protocol": ("check_hostname_or_tcp_port", "remoteport"),
    "tls": ("ssl_encryption_error", "security"),
    "starttls_missing": ("starttls_not_allowed_use_imaps", "security"),
    "plaintext_refused": ("encryption_required", "security"),
    "certificate_changed": ("certificate_changed", "tls_trust"),
    "certificate_untrusted": ("certificate_untrusted", "tls_trust"),
    **{key: (key, ERRORS[key].field) for key in BY_TOKEN},
}
#: The report of a run that was not begun: the server may not be tried.
NOT_ALLOWED: Final[Json] = {"errors": [{"side": "host1", "code": "not_allowed"}]}
#: Dovecot drops the connection for an unknown user when the master password is right.
_LOCAL: Final = {"login_dropped": "mailbox_not_found", "authentication": "master_password_refused"}
_CERTIFICATE: Final = ("subject", "issuer", "expires", "fingerprint", "trusted")


#: The report of a run at a port where nobody greets, in place of waiting for it once more.
NOTHING_THERE: Final[Json] = {"errors": [{"side": "host1", "code": "timeout"}]}


def is_silent(report: Json) -> bool:
    """Tell whether the remote server did not greet in time."""
    if any((one.get("side"), one.get("code")) == ("host1", "timeout") for one in _errors(report)):
        return True
    return bool(report.get("late")) and not _errors(report) and not _logged_in(report, "host1")


def refusals(report: Json, *, both: bool) -> list[Refusal]:
    """Give what is wrong with a login check, the remote side first; nothing when the logins worked.

    A report with `late` is of a run that was ended when its time was over: what had no login was silent.
    """
    if report.get("exit_code") == 0:
        return []
    found = [_refusal(error) for error in _errors(report)]
    wanted = ("host1", "host2") if both else ("host1",)
    for side in wanted:
        if report.get("late") and not found and not _logged_in(report, side):
            found.append(_silent(side))
    unique = {one.field: one for one in reversed(found)}
    return sorted(unique.values(), key=lambda one: one.field == "localuser") or [Refusal("validation_failed")]


def remote_login(report: Json) -> Json:
    """Give the answer of test-remote."""
    found = refusals(report, both=False)
    side = _side(report, "host1")
    capabilities = side.get("capabilities")
    error = next(iter(_errors(report)), {})
    return {
        "ok": not found,
        "error": found[0].error if found else None,
        "field": found[0].as_json()["field"] if found else None,
        "server_text": str(error.get("server_text") or error.get("text") or ""),
        "certificate": _certificate(error) or _certificate(_object(side.get("certificate"))),
        "capabilities": [str(word) for word in capabilities] if isinstance(capabilities, list) else [],
    }


def folders(report: Json) -> Json:
    """Give {"folders"} of the remote account, or {"refusals"} when it could not be read."""
    listed = _side(report, "host1").get("folder_list")
    if report.get("exit_code") != 0 or not isinstance(listed, list):
        return {
            "refusals": [
                one.as_json() for one in refusals(report, both=False) or [Refusal("validation_failed")]
            ]
        }
    rows = []
    for item in listed:
        folder = _object(item)
        rows.append(
            {
                "name": str(folder.get("name", "")),
                "delimiter": folder.get("delimiter"),
                "special_use": folder.get("special_use"),
                "selectable": folder.get("selectable") is not False,
                "messages": folder.get("messages"),
                "size_bytes": folder.get("bytes"),
            }
        )
    return {"folders": sorted(rows, key=lambda row: (row["name"] != "INBOX", str(row["name"]).casefold()))}


def informations(report: Json) -> Json:
    """Give the answer of list-informations."""
    sides = _side(report, "host1"), _side(report, "host2")
    errors = report.get("errors")
    # What cannot be named is no reason not to count: the other folders are.
    counted = isinstance(errors, list) and {_code(error) for error in errors} == {"folder_create"}
    if (report.get("exit_code") != 0 and not counted) or not all(sides):
        return {"status": False}
    answer: Json = {"status": True}
    for word, key in (("Folders", "folders"), ("Messages", "messages"), ("Sizes", "bytes")):
        for number, side in enumerate(sides, 1):
            value = side.get(key)
            answer[f"host{number}{word}"] = value if isinstance(value, int) else 0
    return answer


def foreseen(report: Json) -> Json:
    """Give what an audit keeps of what a run would meet: members of `runtime.FORESEEN`."""
    found, errors = report.get("foreseen"), report.get("errors")
    told = found if isinstance(found, dict) else {}
    impossible = [
        error.get("folder")
        for error in (errors if isinstance(errors, list) else [])
        if _code(error) == "folder_create"
    ]
    return {key: told.get(key) for key in ("limit_bytes", "too_large", "renamed", "renamed_total")} | {
        "impossible": impossible
    }


def _code(error: object) -> object:
    return error.get("code") if isinstance(error, dict) else None


def _refusal(error: Json) -> Refusal:
    code = str(error.get("code"))
    text = str(error.get("server_text") or error.get("text") or "")[:500]
    if code == "usage":
        key = "invalid_exclude" if error.get("option") == "exclude" else "validation_failed"
        return Refusal(key, details={"server_text": text})
    if error.get("side") == "host2":
        return Refusal(
            _LOCAL.get(code, "mail_server_unreachable"), "localuser", details={"server_text": text}
        )
    key, field = _REMOTE.get(code, ("validation_failed", "remotehostname"))
    if code == "connection" and error.get("cause") == "unknown_host":
        field = "remotehostname"
    return Refusal(key, field, _certificate(error) or "", {"server_text": text})


def _silent(side: str) -> Refusal:
    if side == "host2":
        return Refusal("mail_server_unreachable")
    return Refusal("check_hostname_or_tcp_port", "remoteport", details={"server_text": ""})


def _certificate(source: Json) -> Json | None:
    found: Json = {key: source[key] for key in _CERTIFICATE if key in source}
    return found if "fingerprint" in found else None


def _logged_in(report: Json, side: str) -> bool:
    return _side(report, side).get("login") is True


def _side(report: Json, side: str) -> Json:
    return _object(report.get(side))


def _errors(report: Json) -> list[Json]:
    found = report.get("errors")
    return [error for error in found if isinstance(error, dict)] if isinstance(found, list) else []


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}
