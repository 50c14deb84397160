"""The HTTP API, the websocket and the pages, as a browser meets them."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from devnode.agentd import environment
from tests.devnode.support import wait_until

from devnode import faults

if TYPE_CHECKING:
    from devnode.settings import Node
    from tests.devnode.support import Module

pytestmark = pytest.mark.devnode
PASSWORD = "Nethesis,1234"


def request(
    url: str, body: object = None, token: str = "", headers: dict[str, str] | None = None
) -> tuple[int, Any, dict[str, str]]:
    """Send one request; gives status, decoded body and headers."""
    data = None if body is None else json.dumps(body).encode()
    found_headers = {"Content-Type": "application/json", **(headers or {})}
    message = urllib.request.Request(url, data, found_headers)  # noqa: S310 - our own http URL
    if token:
        message.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(message, timeout=10) as answer:  # noqa: S310 - our own http URL
            status, text, found = answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            status, text, found = error.code, error.read().decode(), dict(error.headers)
    try:
        return status, json.loads(text), found
    except ValueError:
        return status, text, found


@pytest.fixture(scope="module")
def token(node: Node) -> str:
    status, answer, _ = request(f"{node.api}/api/login", {"username": "admin", "password": PASSWORD})
    assert status == 200
    assert sorted(answer) == ["code", "expire", "token"]
    return str(answer["token"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"username": "admin", "password": "wrong"}, "incorrect Username or Password"),
        ({"username": "nobody", "password": "x"}, "incorrect Username or Password"),
        ({"username": "default", "password": "x"}, "incorrect Username or Password"),
        ({"username": "admin"}, "missing Username or Password"),
        ([], "missing Username or Password"),
    ],
)
def test_login_refusals(node: Node, body: object, message: str) -> None:
    status, answer, _ = request(f"{node.api}/api/login", body)
    assert (status, answer["code"], answer["message"]) == (401, 401, message)


def test_token_is_needed_and_checked(node: Node, token: str) -> None:
    url = f"{node.api}/api/modules"
    assert request(url)[1]["message"] == "query token is empty"
    assert request(url, token="garbage")[1]["message"] == "token contains an invalid number of segments"
    head, body, signature = token.split(".")
    forged = base64.urlsafe_b64encode(b'{"id": "module/probe1", "exp": 99999999999}').rstrip(b"=").decode()
    assert request(url, token=f"{head}.{forged}.{signature}")[0] == 401
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    assert request(url, token=f"{none}.{body}.")[0] == 401
    assert request(url, token=token)[0] == 200
    assert request(f"{url}?jwt={token}")[0] == 200


def test_task_from_post_to_result(node: Node, probe: Module, token: str) -> None:
    probe.step("posted", "10", "while [ ! -e posted.go ]; do sleep 0.02; done; cat")
    base = f"{node.api}/api/module/{probe.module_id}"
    body = {"action": "posted", "data": {"remotepassword": "p", "a": 1}, "extra": {"eventId": "e"}}
    status, answer, _ = request(f"{base}/tasks", body, token)
    task = answer["data"]
    assert (status, answer["message"]) == (201, "task queued successfully")
    assert task["data"] == {"remotepassword": "XXX", "a": 1}
    assert (task["user"], task["queue"], task["extra"]) == (
        "admin",
        f"module/{probe.module_id}/tasks",
        {"eventId": "e"},
    )
    status, answer, _ = request(f"{base}/task/{task['id']}/status", token=token)
    assert (status, answer["message"], answer["data"]) == (
        400,
        "error getting error status from redis",
        "redis: nil",
    )
    (probe.state / "posted.go").touch()
    wait_until(lambda: request(f"{base}/task/{task['id']}/status", token=token)[0] == 200)
    result = request(f"{base}/task/{task['id']}/status", token=token)[1]["data"]
    assert (result["output"], result["exit_code"], result["error"]) == (
        {"remotepassword": "p", "a": 1},
        0,
        "",
    )
    context = request(f"{base}/task/{task['id']}/context", token=token)[1]["data"]["context"]
    assert context["data"]["remotepassword"] == "XXX"
    listed = request(f"{base}/tasks", token=token)[1]["data"]["tasks"]
    assert f"task/module/{probe.module_id}/{task['id']}" in listed


def test_posts_are_authorised_but_reads_are_not(node: Node, probe: Module, token: str) -> None:
    account = environment.read(probe.state / "agent.env")
    login = {"username": account["REDIS_USER"], "password": account["REDIS_PASSWORD"]}
    module_token = request(f"{node.api}/api/login", login)[1]["token"]
    for agent_id in ("cluster", "module/nothing1", f"module/{probe.module_id}"):
        answer = request(f"{node.api}/api/{agent_id}/tasks", {"action": "get-status"}, module_token)
        assert answer[0] == 403, agent_id
    assert request(f"{node.api}/api/cluster/tasks", token=module_token)[0] == 200
    answer = request(f"{node.api}/api/cluster/tasks", {"no": "action"}, token)
    assert (answer[0], answer[1]["message"]) == (403, "you don't have permission to access this resource")


def test_missing_agent_is_404(node: Node, probe: Module, token: str) -> None:
    probe.caller.connection.hset("roles/admin", "module/ghost1", "owner")
    probe.caller.connection.sadd("module/ghost1/roles/owner", "*")
    status, answer, _ = request(f"{node.api}/api/module/ghost1/tasks", {"action": "x"}, token)
    assert (status, answer["message"]) == (404, "client idle check failed")


def test_unknown_paths(node: Node, token: str) -> None:
    for path in ("/api/nothing", "/api/module/x/y/z", "/api/"):
        status, answer, _ = request(node.api + path, token=token)
        assert (status, answer["message"]) == (404, "API not found"), path


def test_basic_authentication_of_an_action(node: Node, probe: Module) -> None:
    url = f"{node.api}/api/module/{probe.module_id}/http-basic/get-status"

    def ask(user: str, password: str) -> int:
        word = base64.b64encode(f"{user}:{password}".encode()).decode()
        return request(url, headers={"Authorization": f"Basic {word}"})[0]

    assert [ask("admin", PASSWORD), ask("admin", "no"), request(url)[0]] == [200, 401, 401]


async def test_websocket_tells_progress_to_authorised_sessions_only(probe: Module, token: str) -> None:
    probe.step("told", "10", "true")
    url = f"{probe.node.web}/cluster-admin/ws"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url) as stranger,
        session.ws_connect(url) as friend,
    ):
        await friend.send_json({"action": "authorize", "payload": {"jwt": token}})
        task_url = f"{probe.node.web}/cluster-admin/api/module/{probe.module_id}/tasks"
        headers = {"Authorization": f"Bearer {token}"}
        async with session.post(task_url, json={"action": "told"}, headers=headers) as answer:
            task_id = (await answer.json())["data"]["id"]
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["payload"]["status"] != "completed":
            message = await friend.receive_json(timeout=10)
            if message["name"].endswith(task_id):
                seen.append(message)
        assert [item["payload"] for item in seen] == [
            {"status": "pending", "progress": 0},
            {"status": "running", "progress": 0},
            {"status": "running", "progress": 100},
            {"status": "completed", "progress": 100},
        ]
        assert seen[0]["name"] == f"progress/module/{probe.module_id}/task/{task_id}"
        assert seen[0]["type"] == "task"
        with pytest.raises(asyncio.TimeoutError):
            await stranger.receive(timeout=0.3)


async def test_websocket_refuses_a_bad_token(node: Node) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{node.api}/ws") as socket:
        await socket.send_str("no json")
        await socket.send_json({"action": "authorize", "payload": {"jwt": "x.y.z"}})
        assert (await socket.receive_json(timeout=5))["type"] == "authorize-error"
        message = await socket.receive(timeout=5)
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 1000, "Bye")


async def test_a_websocket_can_be_dropped_without_a_word(node: Node, token: str) -> None:
    faults.arm(node, [], 0.2)
    try:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{node.api}/ws") as socket:
            await socket.send_json({"action": "authorize", "payload": {"jwt": token}})
            message = await socket.receive(timeout=5)
            assert message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
            assert socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
    finally:
        faults.arm(node, [], None)


def test_pages(node: Node, probe: Module) -> None:
    base = f"{node.web}/cluster-admin/apps/{probe.module_id}"
    for path in ("", "/", "/index.html"):
        status, text, headers = request(base + path)
        assert (status, text, headers["Cache-Control"]) == (200, "<h1>probe</h1>\n", "no-cache"), path
    for path in ("/missing", "/../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/etc/agent.env"):
        assert request(base + path)[0] == 404, path
    assert request(f"{node.web}/")[0] in {200, 503}


def test_requests_are_limited_per_address(node: Node) -> None:
    async def burst() -> list[int]:
        async with aiohttp.ClientSession() as session:

            async def one() -> int:
                async with session.get(f"{node.api}/api/nothing") as answer:
                    return answer.status

            return list(await asyncio.gather(*(one() for _ in range(420))))

    statuses = asyncio.run(burst())
    assert statuses.count(429) > 0
    assert statuses[:100].count(429) == 0
