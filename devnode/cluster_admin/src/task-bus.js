/**
 * Turns the websocket's progress messages into the events that applications wait for on the root instance:
 * `<action>-<result>[-<eventId>]`, with the arguments of docs/ui.md, "Task events".
 */
import { currentToken, read } from "./api";
import { websocketUrl } from "./addresses";

/** A running task that says nothing for this long is asked for its status. */
const SILENCE_MS = 8_100;
/** Task contexts kept, so that each is fetched once. */
const CONTEXTS_KEPT = 50;
const RECONNECT_MS = 2_000;

const FINAL = new Set(["completed", "aborted", "validation-failed"]);

export class TaskBus {
  /** @param {Vue} root receives the events, and `taskChanged(task)` for the notifications */
  constructor(root) {
    this.root = root;
    this.socket = null;
    this.contexts = new Map();
    this.tasks = new Map();
    /** Every task with its output, for as long as the page is open or until an application has it deleted. */
    this.kept = new Map();
    root.$on("deleteNotificationForApp", (id) => this.kept.delete(id));
  }

  open() {
    this.wanted = true;
    this.socket = new WebSocket(websocketUrl());
    this.socket.onopen = () =>
      this.socket.send(JSON.stringify({ action: "authorize", payload: { jwt: currentToken() } }));
    this.socket.onmessage = (event) => this.receive(JSON.parse(event.data));
    this.socket.onclose = () => {
      if (this.wanted) {
        this.reconnecting = setTimeout(() => this.open(), RECONNECT_MS);
      }
    };
  }

  close() {
    this.wanted = false;
    clearTimeout(this.reconnecting);
    this.socket?.close();
    for (const task of this.tasks.values()) {
      clearTimeout(task.timer);
    }
    this.tasks.clear();
    this.contexts.clear();
  }

  receive(message) {
    if (message.type === "authorize-error") {
      this.root.$emit("logout");
    } else if (message.type === "task" && message.name.startsWith("progress/")) {
      const path = message.name.slice("progress/".length);
      this.inOrder(path, () => this.follow(path, message.payload));
    }
  }

  /** Messages of one task are handled one after the other, though each waits for the network. */
  inOrder(path, work) {
    const task = this.tasks.get(path) ?? {
      work: Promise.resolve(),
      validated: false,
      ended: false,
    };
    this.tasks.set(path, task);
    task.work = task.work.then(work).catch((error) => {
      if (error.response?.status === 401) {
        this.root.$emit("logout");
      }
    });
  }

  async follow(path, { status, progress }) {
    const task = this.tasks.get(path);
    if (!task || task.ended) {
      return;
    }
    clearTimeout(task.timer);
    const known = this.contexts.has(path);
    const context = await this.contextOf(path);
    const isRoot = !context.parent;
    const moving = status === "running" || status === "completed";
    if (known && isRoot && moving && progress > 0 && !task.validated) {
      task.validated = true;
      this.emit(context, "validation-ok", { context, status, progress });
    }
    if (context.extra?.isProgressNotified) {
      this.emit(context, "progress", progress, context);
    }
    if (!FINAL.has(status)) {
      this.keep(context, { status, progress });
      this.root.$emit("taskChanged", { context, status, progress });
      task.timer = setTimeout(() => this.inOrder(path, () => this.ask(path)), SILENCE_MS);
      return;
    }
    const result = await read(`${path}/status`);
    this.end(path, context, status, result);
  }

  /** The websocket was silent: the status tells whether the task has ended. */
  async ask(path) {
    const task = this.tasks.get(path);
    if (!task || task.ended) {
      return;
    }
    let result;
    try {
      result = await read(`${path}/status`);
    } catch (error) {
      if (error.response?.status === 401) {
        throw error;
      }
      task.timer = setTimeout(() => this.inOrder(path, () => this.ask(path)), SILENCE_MS);
      return;
    }
    const context = await this.contextOf(path);
    this.end(path, context, result.exit_code === 0 ? "completed" : "aborted", result);
  }

  end(path, context, status, result) {
    const task = this.tasks.get(path);
    task.ended = true;
    clearTimeout(task.timer);
    const known = this.kept.has(context.id);
    if (status === "completed") {
      if (!context.parent) {
        this.emit(context, "completed", context, result);
      }
    } else if (status === "aborted") {
      this.emit(context, "aborted", result, context);
    } else {
      this.emit(context, "validation-failed", result.output, context);
    }
    // As in the real one the toast comes after the events: who has handled a failure can have it deleted.
    this.keep(context, { status, progress: 100, result });
    this.root.$emit("taskChanged", { context, status, progress: 100, known });
    // Late repeats of the final message must find the mark; then the entry may go.
    setTimeout(() => this.tasks.delete(path), SILENCE_MS);
  }

  /** Root tasks only: subtasks are kept inside of them, and this bus has no need of them. */
  keep(context, state) {
    if (!context.parent) {
      this.kept.set(context.id, { context, ...state });
    }
  }

  emit(context, result, ...args) {
    const eventId = context.extra?.eventId;
    this.root.$emit(`${context.action}-${result}${eventId ? `-${eventId}` : ""}`, ...args);
  }

  async contextOf(path) {
    if (!this.contexts.has(path)) {
      const { context } = await read(`${path}/context`);
      this.contexts.set(path, context);
      if (this.contexts.size > CONTEXTS_KEPT) {
        this.contexts.delete(this.contexts.keys().next().value);
      }
    }
    return this.contexts.get(path);
  }
}
