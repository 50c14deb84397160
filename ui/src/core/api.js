/**
 * Runs actions of the module and of the cluster, and gives their output as a promise.
 *
 * A task is posted over HTTP; its end is told by cluster-admin, which re-emits the websocket's messages on its root
 * as `<action>-<result>-<eventId>`. Handlers are registered before the task is posted, because a fast task may end
 * before the reply of the POST arrives.
 */
import { getCore, getInstanceName, getToken } from "./context";

/** How long one HTTP request may take, but for its content. cluster-admin uses the same limit. */
const REQUEST_TIMEOUT_MS = 10_000;

/** The slowest line that is waited for, in characters a millisecond: a file of ten thousand accounts takes its time. */
const SLOWEST_LINE = 16;

/**
 * How long cluster-admin may be silent about a task before the status is asked for. cluster-admin itself asks after 8.1 s of
 * silence; this is the second net, for a websocket that died with the message.
 */
const STATUS_POLL_MS = 15_000;

/**
 * A task of which the node knows neither result nor context this often in a row will never end: its agent was
 * restarted. (Before an agent takes a task there is no context either.)
 */
const MISSES_OF_A_LOST_TASK = 3;

const UNAUTHORIZED = 401;

/** Longer than cluster-admin's own wait for a silent task. */
const FORGET_AGAIN_MS = 10_000;

/** Why an action gave no output. `kind` is one of: validation, aborted, network, timeout, http. */
export class ActionError extends Error {
  /**
   * @param {string} kind see above
   * @param {object} details `action`, `status` (HTTP), `errors` (validation elements), `text` and `output`
   *   (what a task that failed wrote)
   */
  constructor(kind, { action = "", status = 0, errors = [], text = "", output = null } = {}) {
    super(kind === "network" ? "Network Error" : `${action}: ${kind}`);
    this.name = "ActionError";
    this.kind = kind;
    this.action = action;
    this.errors = errors;
    this.text = text;
    this.output = output;
    if (status) {
      // The shape that cluster-admin's own error notification understands.
      this.response = { status };
    }
  }
}

/** How an action is called when cluster-admin tells of it. */
let titleOf = (action) => action;

/** @param {Function} titles gives the reader's words for the name of an action */
export function nameActions(titles) {
  titleOf = titles;
}

/**
 * Runs an action of this module.
 *
 * @param {string} action name of the action
 * @param {*} data its input
 * @param {object} options see `runTask`
 */
export function runModuleAction(action, data = null, options = {}) {
  return runTask(`module/${getInstanceName()}`, action, data, options);
}

/** Runs an action of the cluster. */
export function runClusterAction(action, data = null, options = {}) {
  return runTask("cluster", action, data, options);
}

/**
 * Posts a task and waits for its end.
 *
 * @param {string} agent `cluster` or `module/<id>`
 * @param {string} action name of the action
 * @param {*} data its input
 * @param {object} options `shown`: cluster-admin tells of it, with `description` (and `title`, when the action's own
 *   name does not say it). `onProgress(percent)` is told the task's progress.
 * @returns {Promise<*>} the action's output
 * @throws {ActionError}
 */
export function runTask(
  agent,
  action,
  data,
  { shown = false, title = "", description = "", onProgress } = {},
) {
  const core = getCore().$root;
  const eventId = newEventId();
  const extra = {
    title: title || titleOf(action),
    description,
    eventId,
    isNotificationHidden: !shown,
    isProgressNotified: true,
  };
  return new Promise((resolve, reject) => {
    let timer = null;
    let path = "";
    let settled = false;
    const handlers = {
      completed: (context, result) => settle(resolve, result.output),
      aborted: (result) => settle(reject, abortedError(action, result)),
      "validation-failed": (errors) => settle(reject, validationError(action, errors)),
    };
    const settle = (done, value) => {
      settled = true;
      if (!shown || value?.kind === "validation") {
        posted.then(forget, () => {});
      }
      clearTimeout(timer);
      for (const [result, handler] of Object.entries(handlers)) {
        core.$off(`${action}-${result}-${eventId}`, handler);
      }
      core.$off(`${action}-progress-${eventId}`, onBeat);
      done(value);
    };
    const pollLater = (misses = 0) => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const result = await readOrNull(`${path}/status`);
        const gone = !result && !(await readOrNull(`${path}/context`));
        if (settled) {
          return;
        }
        if (result) {
          const failed = result.exit_code !== 0;
          settle(failed ? reject : resolve, failed ? abortedError(action, result) : result.output);
        } else if (gone && misses + 1 >= MISSES_OF_A_LOST_TASK) {
          settle(reject, new ActionError("timeout", { action }));
        } else {
          pollLater(gone ? misses + 1 : 0);
        }
      }, STATUS_POLL_MS);
    };
    // While the node tells how the task goes on, there is no need to ask.
    const onBeat = (percent) => {
      if (path && !settled) {
        pollLater();
      }
      onProgress?.(percent);
    };
    for (const [result, handler] of Object.entries(handlers)) {
      core.$once(`${action}-${result}-${eventId}`, handler);
    }
    core.$on(`${action}-progress-${eventId}`, onBeat);
    const posted = request("POST", `${agent}/tasks`, action, { action, data, extra });
    posted.then(
      (task) => {
        path = `${agent}/task/${task.id}`;
        if (!settled) {
          pollLater();
        }
      },
      (error) => settle(reject, error),
    );
  });
}

/**
 * Has cluster-admin forget a task: it keeps each one with its output for as long as it is open, and shows failures of
 * hidden tasks, too, though this page says them at their place. A message that comes late would bring the task back:
 * it is forgotten once more after the longest silence.
 */
function forget({ id }) {
  for (const delay of [0, FORGET_AGAIN_MS]) {
    setTimeout(() => getCore().$root.$emit("deleteNotificationForApp", id), delay);
  }
}

async function request(method, path, action, body) {
  const content = body === undefined ? undefined : JSON.stringify(body);
  let reply;
  try {
    reply = await fetch(`${getCore().$root.apiUrl}/${path}`, {
      method,
      headers: { Authorization: `Bearer ${getToken()}`, "Content-Type": "application/json" },
      body: content,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS + (content?.length ?? 0) / SLOWEST_LINE),
    });
  } catch (error) {
    throw new ActionError(error.name === "TimeoutError" ? "timeout" : "network", { action });
  }
  if (reply.status === UNAUTHORIZED) {
    // Only cluster-admin can log in again; it would not notice before it asks something itself.
    getCore().$root.$emit("logout");
  }
  if (!reply.ok) {
    throw new ActionError("http", { action, status: reply.status });
  }
  return (await reply.json()).data;
}

/** `data` of a GET; null when there is none (yet, or any more) or nobody can be asked. */
async function readOrNull(path) {
  try {
    return await request("GET", path, "");
  } catch {
    return null;
  }
}

function abortedError(action, result) {
  // cluster-admin cannot tell a validation failure from another one when it learnt of it by asking.
  return isValidationOutput(result?.output)
    ? validationError(action, result.output)
    : new ActionError("aborted", {
        action,
        text: String(result?.error ?? ""),
        output: result?.output,
      });
}

function validationError(action, errors) {
  const elements = Array.isArray(errors) ? errors : [];
  // create-task repeats a refusal for scripts written for the module before this one.
  const ours = elements.filter((element) => element.field !== "createTask");
  return new ActionError("validation", { action, errors: ours });
}

function isValidationOutput(output) {
  return (
    Array.isArray(output) &&
    output.length > 0 &&
    output.every((element) => element && typeof element.error === "string" && "field" in element)
  );
}

function newEventId() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
