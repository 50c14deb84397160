"""Signing in to a source by a person: a code to type elsewhere, or an address to visit and to paste back.

What we ask with meanwhile (the device code, the verifier) stays beside the source and is in no answer.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from imapsync_tasks import sourcestore
from imapsync_tasks.reach import Reach
from syncctl import tokens

if TYPE_CHECKING:
    from imapsync_tasks.errors import Json
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.sourcestore import Stored


def sign_in(paths: Paths, request: Json) -> Json:
    """Give the answer of the action: begin, go on, or end with what was pasted.

    state: done, visit (authorize_url), device (user_code, verification_uri), or failed (error, text).
    """
    from syncctl import oauth

    name = str(request["source"])
    with sourcestore.renewing(paths, name):
        stored = sourcestore.load(paths, name)
        known = sourcestore.tokens(paths, stored)
        try:
            return _step(paths, stored, known, request)
        except oauth.TokenTrouble as trouble:
            under_way = {key: value for key, value in known.items() if key != "signin"}
            sourcestore.keep_tokens(paths, stored, under_way)
            return _answer("failed", error=trouble.code, text=trouble.text)


def _step(paths: Paths, stored: Stored, known: Json, request: Json) -> Json:
    from syncctl import oauth

    if not stored.source.kind.signs_in:
        return _tried(paths, stored, known)
    begun = known.get("signin")
    pasted = str(request.get("response_secret") or "")
    if not isinstance(begun, dict) or request.get("again"):
        return _begin(paths, stored, known)
    if stored.source.setting("device_url"):
        if time.time() > float(str(begun.get("expires_at", 0))):
            raise oauth.TokenTrouble("sign_in_expired")
        if time.time() < float(str(begun.get("ask_at", 0))):
            return _shown(begun)
        granted = oauth.by_device_code(Reach.published(paths), stored, str(begun["device_code"]))
        if granted is None:
            later = {**begun, "ask_at": time.time() + float(str(begun["interval_s"]))}
            sourcestore.keep_tokens(paths, stored, {**known, "signin": later})
            return _shown(begun)
    elif not pasted:
        return _shown(begun)
    else:
        granted = oauth.by_code(
            Reach.published(paths), stored, pasted, str(begun["state"]), str(begun["verifier"])
        )
    if not granted.refresh_token:
        raise oauth.TokenTrouble("refresh_token_missing")
    tokens.keep(paths, stored, {}, "", granted)
    os.utime(paths.source(stored.source.source))  # the watcher tries refused accounts again
    os.utime(paths.sources)  # and looks because of this
    return _answer("done")


def _begin(paths: Paths, stored: Stored, known: Json) -> Json:
    from syncctl import oauth

    if stored.source.setting("device_url"):
        device = oauth.device(Reach.published(paths), stored)
        begun: Json = {
            "device_code": device.device_code,
            "user_code": device.user_code,
            "verification_uri": device.verification_uri,
            "expires_at": time.time() + device.expires_in_s,
            "interval_s": device.interval_s,
            "ask_at": time.time() + device.interval_s,
        }
    else:
        address, state, verifier = oauth.visit(stored)
        begun = {"authorize_url": address, "state": state, "verifier": verifier}
    sourcestore.keep_tokens(paths, stored, {**known, "signin": begun})
    return _shown(begun)


def _tried(paths: Paths, stored: Stored, known: Json) -> Json:
    """Ask for a token as the application; a service account is asked for one in somebody's name only."""
    from syncctl import oauth

    if stored.source.auth == "google_service":
        return _answer("done")
    if stored.source.auth == "oauth_refresh":
        refresh = str(known.get("refresh_token") or stored.secrets.get("refresh_token", ""))
        granted = oauth.by_refresh_token(Reach.published(paths), stored, refresh)
    else:
        granted = oauth.by_application(Reach.published(paths), stored, "")
    tokens.keep(paths, stored, known, "", granted)
    return _answer("done")


def _shown(begun: Json) -> Json:
    if "user_code" in begun:
        shown = {key: str(begun[key]) for key in ("user_code", "verification_uri")}
        return _answer("device", **shown, expires_at=int(float(str(begun["expires_at"]))))
    return _answer("visit", authorize_url=str(begun["authorize_url"]))


def _answer(state: str, **members: object) -> Json:
    empty: Json = {
        "state": state,
        "authorize_url": None,
        "user_code": None,
        "verification_uri": None,
        "expires_at": None,
        "error": None,
        "text": "",
    }
    return empty | members
