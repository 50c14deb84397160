/**
 * The tasks of this instance as far as they are known, kept up to date while a page shows them. There is one feed: who
 * goes to another page and comes back finds the list as it was, and only what changed meanwhile is asked for.
 */
import { applyChanges, NOTHING } from "../lib/changes";
import { runModuleAction } from "./api";
import { Poller } from "./poller";

class TaskFeed {
  constructor() {
    this.known = NOTHING;
    this.poller = null;
    this.asking = null;
  }

  /** Whether the list was ever given. */
  get loaded() {
    return this.known.version !== null;
  }

  get tasks() {
    return [...this.known.tasks.values()];
  }

  /**
   * Keeps the list up to date until `unwatch`.
   *
   * @param {Function} onTasks called after each answer
   * @param {Function} onError told each failure
   */
  watch(onTasks, onError) {
    this.poller = new Poller(
      () => this.load(),
      () => {
        onTasks();
        return this.tasks.some(({ state }) => state !== "stopped");
      },
      onError,
    );
    if (this.loaded) {
      onTasks();
    }
    return this.poller.start();
  }

  unwatch() {
    this.poller.stop();
    this.poller = null;
  }

  /** Asks now; see `Poller.refresh`. */
  refresh() {
    return this.poller.refresh();
  }

  /** Asks once: one question after the other, so that no older answer takes back what a newer one told. */
  load() {
    const ask = () => this.ask();
    const mine = this.asking ? this.asking.then(ask, ask) : this.ask();
    const done = () => {
      this.asking = this.asking === mine ? null : this.asking;
    };
    this.asking = mine;
    mine.then(done, done);
    return mine;
  }

  async ask() {
    const since = this.known.version === null ? {} : { since: this.known.version };
    const answer = await runModuleAction("list-changes", since);
    this.known = applyChanges(this.known, answer);
  }

  /** The task of an identity, as it is now; null when there is none. */
  async find({ localuser, task_id: id }) {
    await this.load();
    return this.tasks.find((task) => task.localuser === localuser && task.task_id === id) ?? null;
  }
}

export const taskFeed = new TaskFeed();
