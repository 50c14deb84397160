"""The actions on sources: list-sources, set-source, delete-source, test-source, sign-in, recognize-source."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from imapsync_tasks import container, rules, sources, sourcestore, steps
from imapsync_tasks.errors import Json, Refusal, RefusedError, TaskFileError

if TYPE_CHECKING:
    from imapsync_tasks.sourcestore import Stored
    from imapsync_tasks.store import Store

#: Mailboxes that one test-source looks at.
MAX_TESTED: Final = 500
#: A mail address: 64 characters, "@" and a domain's 255 (RFC 5321 §4.5.3.1).
_ADDRESS: Final = rules.Text("[^\\x00-\\x20\\x7f]+", 320)


def list_sources(_request: Json) -> Json:
    """Give the answer of list-sources."""
    return {"sources": rows(steps.store())}


def rows(store: Store) -> list[Json]:
    """Give every source without its secrets: which it has, whether somebody signed in, what went wrong."""
    with store.locked():
        used: dict[str, int] = {}
        for task in store.names():
            name = store.source_of(task)
            used[name] = used.get(name, 0) + 1
        return [_row(store, name, used.get(name, 0)) for name in store.paths.source_names()]


def _row(store: Store, name: str, tasks: int) -> Json:
    try:
        stored = sourcestore.load(store.paths, name)
    except TaskFileError as error:
        return {"source": name, "tasks": tasks, "error": str(error)}
    known = sourcestore.tokens(store.paths, stored)
    trouble = known.get("trouble")
    found = trouble if isinstance(trouble, dict) else {}
    return {
        **stored.source._asdict(),
        "tasks": tasks,
        "error": None,
        "stored": sorted(stored.secrets),
        "state": _state(stored, known, found),
        "trouble": str(found["error"]) if "error" in found else None,
        "trouble_text": str(found.get("text", "")),
        "trouble_user": str(found.get("user", "")),
        "expires": _expires(stored),
    }


def _state(stored: Stored, known: Json, trouble: Json) -> str:
    """Give ready, or sign_in: somebody has to sign in, for the first time or again."""
    if trouble.get("error") == "sign_in_needed":
        return "sign_in"
    return "sign_in" if stored.source.kind.signs_in and not known.get("refresh_token") else "ready"


def _expires(stored: Stored) -> str | None:
    """Give the day on which the application's secret or certificate ends."""
    if "certificate_key" in stored.secrets:
        with suppress(ValueError, ImportError):
            from cryptography import x509

            found = x509.load_pem_x509_certificate(stored.secrets["certificate_key"].encode())
            # A node's cryptography before 42 has the naive one only, which is in UTC, too.
            ends = getattr(found, "not_valid_after_utc", None) or found.not_valid_after
            return ends.date().isoformat()
    return stored.source.expires_on or None


def set_source(request: Json) -> Json:
    """Create or change a source; secrets that are not given stay as long as they go where they went."""
    source = sources.from_request(request)
    if source.expires_on:
        try:
            datetime.strptime(source.expires_on, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            raise RefusedError(Refusal("invalid_value", "expires_on", source.expires_on)) from None
    given = sources.secrets_of(request)
    store = steps.store()
    with store.locked():
        created = sourcestore.save(store, source, given)
        for task in sourcestore.users(store, source.source):  # who looks at them looks again
            with suppress(OSError):
                os.utime(store.paths.env(task))
        os.utime(store.paths.imapsync)
    return {"source": source.source, "created": created}


def delete_source(request: Json) -> Json:
    """Remove a source that no task uses; one that is not there is no error."""
    name = rules.SOURCE.of(request, "source")
    store = steps.store()
    with store.locked():
        sourcestore.remove(store, name)
    return {"source": name}


def test_source(request: Json) -> Json:
    """Log in to each of these accounts; give how it went with each."""
    name, given = rules.SOURCE.of(request, "source"), request.get("remoteusernames")
    stored = sourcestore.needed(steps.store().paths, name)
    if not isinstance(given, list) or not 0 < len(given) <= MAX_TESTED:
        raise RefusedError(Refusal("invalid_value", "remoteusernames"))
    users = [rules.REMOTE_USER.of({"remoteusernames": one}, "remoteusernames") for one in given]
    password = rules.PASSWORD.of(request, "remotepassword", "")
    if stored.source.auth == "password" and not password:
        raise RefusedError(Refusal("password_required"))
    return container.ask(
        "test-source", {"source": name, "remoteusernames": users, "remotepassword": password}
    )


def sign_in(request: Json) -> Json:
    """Begin to sign in to a source, ask how far it is, or take what the browser came back with."""
    name = rules.SOURCE.of(request, "source")
    stored = sourcestore.needed(steps.store().paths, name)
    if not stored.source.by_token:
        raise RefusedError(Refusal("sign_in_not_needed", "source", name))
    answer = rules.Text("[^\\x00-\\x1f\\x7f]*", 8192).of(request, "response_secret", "")
    return container.ask(
        "sign-in", {"source": name, "again": request.get("again") is True, "response_secret": answer}
    )


def recognize_source(request: Json) -> Json:
    """Find the server of a mail address or domain, and how accounts sign in to it."""
    given = _ADDRESS.of(request, "address")
    local, _, domain = given.rpartition("@")
    encoded = _domain(domain)
    if not encoded or ("@" in given and not local):
        raise rules.refused("address", given)
    address = f"{local}@{encoded}" if local else ""
    return container.ask("recognize-source", {"domain": encoded, "address": address})


def _domain(text: str) -> str:
    """Give a mail domain as the name server knows it; "" for what is none: one label, an address."""
    text = text.rstrip(".").lower()
    of_labels = "." in text and not text.rpartition(".")[2].isdigit()
    is_name = of_labels and rules.Text(*rules.HOST).takes(text) and rules.is_host(text)
    return text.encode("idna").decode() if is_name else ""
