"""The handlers of the HTTP API."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import redis.exceptions
from aiohttp import web

from devnode.agentd.masking import masked

from .answers import FORBIDDEN, RefusedError, answer
from .limits import RateLimit
from .tokens import TokenError, Tokens

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from .access import Access
    from .hub import Hub

MAX_LOGIN_BYTES = 16384
AGENT_PATHS = ("cluster", r"node/{number:\d+}", r"module/{module:[A-Za-z0-9_-]+}")
NOT_READY = "error getting error status from redis"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """The API over one Redis connection; `add_routes` puts it into an application, below any prefix."""

    def __init__(self, connection: Redis, access: Access, tokens: Tokens, hub: Hub) -> None:
        self._redis = connection
        self._access = access
        self._tokens = tokens
        self._hub = hub
        self._limit = RateLimit()

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Add all paths of the API below the prefix."""
        api = f"{prefix}/api"
        app.router.add_post(f"{api}/login", self._guard(self.login))
        app.router.add_post(f"{api}/logout", self._guard(self.logout))
        app.router.add_get(f"{api}/modules", self._guard(self.modules))
        app.router.add_get(f"{api}/nodes", self._guard(self.nodes))
        app.router.add_get(f"{api}/2FA", self._guard(self.second_factor))
        app.router.add_get(f"{api}/audit", self._guard(self.audit))
        app.router.add_get(api + "/module/{id}/http-basic/{action}", self._guard(self.basic))
        for path in AGENT_PATHS:
            app.router.add_post(f"{api}/{path}/tasks", self._guard(self.post_task))
            app.router.add_get(f"{api}/{path}/tasks", self._guard(self.tasks))
            app.router.add_get(f"{api}/{path}/task/{{id}}/status", self._guard(self.status))
            app.router.add_get(f"{api}/{path}/task/{{id}}/context", self._guard(self.context))
        app.router.add_get(f"{prefix}/ws", self._hub.serve)
        app.router.add_route("*", api + "/{tail:.*}", self._guard(self.unknown))

    def _guard(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if not self._limit.allows(request.remote or ""):
                refused = answer(429, "too many requests")
                refused.headers["Retry-After"] = "1"
                return refused
            try:
                return await handler(request)
            except RefusedError as refusal:
                return refusal.response
            except redis.exceptions.ConnectionError:
                return answer(503, "redis is not available")

        return guarded

    async def login(self, request: web.Request) -> web.Response:
        """POST /api/login."""
        if (request.content_length or 0) > MAX_LOGIN_BYTES:
            raise RefusedError(413, "request body too large")
        user, password = await _account(request)
        if not user or not password:
            raise RefusedError(401, "missing Username or Password")
        if not await self._access.valid_account(user, password):
            raise RefusedError(401, "incorrect Username or Password")
        token, end = self._tokens.make(user)
        expire = datetime.fromtimestamp(end, UTC).isoformat().replace("+00:00", "Z")
        return web.json_response({"code": 200, "expire": expire, "token": token})

    async def logout(self, request: web.Request) -> web.Response:
        """POST /api/logout: the token stays valid, as on a node."""
        self._user(request)
        return web.json_response({"code": 200})

    async def basic(self, request: web.Request) -> web.Response:
        """GET …/http-basic/{action}: check user and password of Basic authentication, and the grant."""
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            kind = user = password = ""
        if kind.lower() != "basic" or not await self._access.valid_account(user, password):
            refused = answer(401, "incorrect Username or Password")
            refused.headers["WWW-Authenticate"] = 'Basic realm="devnode"'
            return refused
        agent_id = f"module/{request.match_info['id']}"
        if not await self._access.may_run(user, agent_id, request.match_info["action"]):
            raise RefusedError(403, FORBIDDEN)
        return answer(200, "ok")

    async def post_task(self, request: web.Request) -> web.Response:
        """POST …/tasks: check the grant and the agent, then queue; secrets are masked in the answer."""
        user = self._user(request)
        agent_id = _agent_id(request)
        try:
            body = json.loads(await request.read())
            action = str(body["action"])
        except (ValueError, KeyError, TypeError) as error:
            raise RefusedError(403, FORBIDDEN) from error
        if not await self._access.may_run(user, agent_id, action):
            raise RefusedError(403, FORBIDDEN)
        if not await self._access.is_connected(agent_id):
            raise RefusedError(404, "client idle check failed")
        task: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "action": action,
            "data": body.get("data"),
            "extra": body.get("extra"),
            "queue": f"{agent_id}/tasks",
            "user": user,
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "parent": body.get("parent") or "",
        }
        await cast("Awaitable[int]", self._redis.lpush(task["queue"], json.dumps(task)))
        return answer(201, "task queued successfully", masked(task))

    async def status(self, request: web.Request) -> web.Response:
        """GET …/task/{id}/status: 400 until the task is finished."""
        self._user(request)
        prefix = f"task/{_agent_id(request)}/{request.match_info['id']}"
        error, output, code = await self._redis.mget(
            [f"{prefix}/{name}" for name in ("error", "output", "exit_code")]
        )
        if code is None:
            raise RefusedError(400, NOT_READY, "redis: nil")
        data = {"error": error, "output": _decoded(output), "exit_code": int(code), "file": prefix}
        return answer(200, "success", data)

    async def context(self, request: web.Request) -> web.Response:
        """GET …/task/{id}/context: 400 when there is none."""
        self._user(request)
        prefix = f"task/{_agent_id(request)}/{request.match_info['id']}"
        text = await self._redis.get(f"{prefix}/context")
        if text is None:
            raise RefusedError(400, "error getting context from redis", "redis: nil")
        return answer(200, "success", {"context": json.loads(text), "file": prefix})

    async def tasks(self, request: web.Request) -> web.Response:
        """GET …/tasks: all stored tasks of the agent."""
        self._user(request)
        agent_id = _agent_id(request)
        found: dict[str, Any] = {}
        async for key in self._redis.scan_iter(f"task/{agent_id}/*/context"):
            prefix = key.removesuffix("/context")
            names = ("context", "output", "error", "exit_code")
            values = await self._redis.mget([f"{prefix}/{name}" for name in names])
            found[prefix] = {name: _decoded(value or "") for name, value in zip(names, values, strict=True)}
        return answer(200, "success", {"tasks": found, "queue": f"{agent_id}/tasks"})

    async def modules(self, request: web.Request) -> web.Response:
        """GET /api/modules."""
        self._user(request)
        modules = sorted(await cast("Awaitable[list[str]]", self._redis.hkeys("cluster/module_node")))
        return answer(200, "success", {"list": modules, "queue": "module"})

    async def nodes(self, request: web.Request) -> web.Response:
        """GET /api/nodes."""
        self._user(request)
        return answer(200, "success", {"list": ["1"], "queue": "node"})

    async def second_factor(self, request: web.Request) -> web.Response:
        """GET /api/2FA: nobody of this node has a second factor."""
        self._user(request)
        return answer(200, "success", {"status": False})

    async def audit(self, request: web.Request) -> web.Response:
        """GET /api/audit: this node keeps no records."""
        self._user(request)
        return answer(200, "success", {"audits": []})

    async def unknown(self, _request: web.Request) -> web.Response:
        """Answer a path that the API does not have."""
        return answer(404, "API not found")

    def _user(self, request: web.Request) -> str:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            token = request.query.get("jwt", "")
        if not token:
            raise RefusedError(401, "query token is empty")
        try:
            return self._tokens.user(token)
        except TokenError as error:
            raise RefusedError(401, str(error)) from error


def _agent_id(request: web.Request) -> str:
    found = request.match_info
    if "module" in found:
        return f"module/{found['module']}"
    return f"node/{found['number']}" if "number" in found else "cluster"


async def _account(request: web.Request) -> tuple[str, str]:
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.read())
        except ValueError:
            body = {}
    else:
        body = dict(await request.post())
    if not isinstance(body, dict):
        return "", ""
    return str(body.get("username") or ""), str(body.get("password") or "")


def _decoded(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(text)
    except ValueError:
        return text
