/**
 * Stands for a node as the page sees it: static files, HTTP API and websocket (docs/ui.md), with replies that a test
 * chooses. States that a real node shows only with difficulty are tested with it.
 */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { problemOfInput } from "./schemas.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const HOST = join(root, "devnode/cluster_admin/dist");
const PAGE = join(root, "ui/dist");
const APP = "/cluster-admin/apps/imapsync1/";

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".png": "image/png",
  ".woff": "font/woff",
  ".woff2": "font/woff2",
};

/** Serves the built page inside the built host page on a free port of this machine. */
export async function serveFiles() {
  const server = createServer((request, reply) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const [folder, rest] = path.startsWith(APP)
      ? [PAGE, path.slice(APP.length)]
      : [HOST, path.replace(/^\/cluster-admin\//, "")];
    const file = join(folder, normalize(rest || "index.html"));
    if (!file.startsWith(folder) || !existsSync(file) || !statSync(file).isFile()) {
      reply.writeHead(404).end();
      return;
    }
    reply.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(reply);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** What an action's stand-in may give instead of an output: a refusal with its elements. */
export class Refusal {
  constructor(errors) {
    this.errors = errors;
  }
}

/** What an action's stand-in may give instead of an output: a failure with its error text, and an output all the same. */
export class Failure {
  constructor(text, output = "") {
    this.text = text;
    this.output = output;
  }
}

/** What an action's stand-in may give instead of an output: an HTTP status of the POST. */
export class HttpStatus {
  constructor(status) {
    this.status = status;
  }
}

export class StubNode {
  /** @param {object} actions by name: a function from the input (and `progress(percent)`) to the output, or a promise */
  constructor(actions) {
    this.actions = actions;
    this.posted = [];
    this.results = new Map();
    this.sockets = new Set();
    this.inFlight = {};
    this.mostInFlight = {};
    this.serial = 0;
    /** Actions whose last message gets lost. */
    this.silent = new Set();
    /** What a node would have refused by its schemas. */
    this.problems = [];
  }

  async attach(page) {
    await page.routeWebSocket(/\/cluster-admin\/ws$/, (socket) => {
      this.sockets.add(socket);
      socket.onClose(() => this.sockets.delete(socket));
    });
    await page.route(/\/cluster-admin\/api\//, (route) => this.answer(route));
  }

  /** Inputs with which an action was called. */
  inputsOf(action) {
    return this.posted.filter((task) => task.action === action).map(({ data }) => data);
  }

  async answer(route) {
    const request = route.request();
    const path = new URL(request.url()).pathname.replace("/cluster-admin/api/", "");
    if (request.method() === "POST" && path.endsWith("/tasks")) {
      return this.queue(route, path.slice(0, -"/tasks".length), request.postDataJSON());
    }
    const match = /^(.+)\/(context|status)$/.exec(path);
    const known = match && this.results.get(match[1]);
    if (!known || (match[2] === "status" && !known.result)) {
      return route.fulfill({ status: 400, json: { code: 400, message: "", data: "redis: nil" } });
    }
    const data = match[2] === "context" ? { context: known.context } : known.result;
    return route.fulfill({ json: { code: 200, message: "", data } });
  }

  async queue(route, agent, task) {
    this.posted.push(task);
    this.problems.push(...[problemOfInput(task.action, task.data)].filter(Boolean));
    const id = `00000000-0000-4000-8000-${String((this.serial += 1)).padStart(12, "0")}`;
    const path = `${agent}/task/${id}`;
    const context = { id, parent: "", queue: `${agent}/tasks`, ...task };
    const action = this.actions[task.action];
    const count = (this.inFlight[task.action] = (this.inFlight[task.action] ?? 0) + 1);
    this.mostInFlight[task.action] = Math.max(this.mostInFlight[task.action] ?? 0, count);
    const answer = await action?.(task.data, (percent) => this.tell(path, "running", percent));
    if (answer instanceof HttpStatus) {
      this.inFlight[task.action] -= 1;
      return route.fulfill({ status: answer.status, json: { code: answer.status } });
    }
    this.results.set(path, { context });
    await route.fulfill({ status: 201, json: { code: 201, message: "", data: context } });
    this.tell(path, "running", 0);
    this.finish(path, action ? answer : new Failure(`Action ${task.action} is not defined`));
    this.inFlight[task.action] -= 1;
  }

  finish(path, answer) {
    const known = this.results.get(path);
    if (answer instanceof Refusal) {
      known.result = { output: answer.errors, error: "", exit_code: 2 };
      this.tell(path, "validation-failed", 0);
    } else if (answer instanceof Failure) {
      known.result = { output: answer.output, error: answer.text, exit_code: 1 };
      this.tell(path, "aborted", 0);
    } else {
      known.result = { output: answer ?? "", error: "", exit_code: 0 };
      this.tell(path, "completed", 100);
    }
  }

  tell(path, status, progress) {
    if (status !== "running" && this.silent.has(this.results.get(path).context.action)) {
      return;
    }
    const message = JSON.stringify({
      name: `progress/${path}`,
      payload: { status, progress },
      timestamp: new Date().toISOString(),
      type: "task",
    });
    for (const socket of this.sockets) {
      socket.send(message);
    }
  }
}
