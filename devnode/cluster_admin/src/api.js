/** The few calls of the HTTP API that the frame itself makes. */
import { apiUrl } from "./addresses";

/** An HTTP reply that is not a success. */
export class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.response = { status };
  }
}

async function call(method, path, body, token) {
  const headers = { "Content-Type": "application/json" };
  if (token) {
    headers.Authorization = `Bearer ${token}`;
  }
  const reply = await fetch(`${apiUrl()}/${path}`, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  const answer = await reply.json().catch(() => ({}));
  if (!reply.ok) {
    throw new HttpError(reply.status, answer.message || reply.statusText);
  }
  return answer;
}

/** The token of whoever is logged in, or "". */
export function currentToken() {
  return JSON.parse(window.localStorage.getItem("loginInfo") || "{}").token || "";
}

/** Logs in and stores `loginInfo`, where applications read it. Throws HttpError 401 on wrong credentials. */
export async function login(username, password) {
  const { token } = await call("POST", "login", { username, password });
  window.localStorage.setItem("loginInfo", JSON.stringify({ username, token }));
}

/** Tells the node that the session ends; its answer does not matter. */
export async function logout() {
  await call("POST", "logout", {}, currentToken()).catch(() => null);
}

/** `data` of a GET. Throws HttpError. */
export async function read(path) {
  return (await call("GET", path, undefined, currentToken())).data;
}

/** Queues a task and gives its object. Throws HttpError. */
export async function postTask(agent, task) {
  return (await call("POST", `${agent}/tasks`, task, currentToken())).data;
}
