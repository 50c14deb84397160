/**
 * The tasks that the reader looks at, kept up to date while a page shows them. There is one feed: who goes to another
 * page and comes back finds the list as it was, and only what changed meanwhile is asked for.
 */
import { applyChanges, inOrder, NOTHING } from "../lib/changes";
import { isSameView, requestOfView } from "../lib/table-view";
import { taskKey } from "../lib/tasks";
import { runModuleAction } from "./api";
import { Poller } from "./poller";

/** Tasks that the node tells of by name at most. */
const MAX_SHOWN = 1_000;

class TaskFeed {
  constructor() {
    this.known = NOTHING;
    this.view = null;
    this.kept = [];
    this.poller = null;
    this.asking = null;
  }

  /** Whether what the view shows was ever given. */
  get loaded() {
    return this.known.version !== null;
  }

  /**
   * Keeps what a view shows up to date until `unwatch`.
   *
   * @param {object} view see `viewOfQuery`
   * @param {Function} onTasks called after each answer
   * @param {Function} onError told each failure
   */
  watch(view, onTasks, onError) {
    this.poller = new Poller(
      () => this.load(),
      () => {
        if (this.loaded) {
          onTasks();
        }
        return this.isBusy;
      },
      onError,
    );
    this.turn(view);
    if (this.loaded) {
      this.known = inOrder(this.known);
      onTasks();
    }
    return this.poller.start();
  }

  unwatch() {
    this.poller.stop();
    this.poller = null;
    this.kept = [];
  }

  /** Looks at the tasks in another way, or wants to know of `kept` although the page does not show them. */
  look(view) {
    if (this.turn(view)) {
      this.poller.refresh();
    }
  }

  /** Gives whether the view is another one: then what is known is of no use. */
  turn(view) {
    if (isSameView(view, this.view)) {
      return false;
    }
    this.view = view;
    this.known = NOTHING;
    return true;
  }

  /** Asks now; see `Poller.refresh`. */
  refresh() {
    return this.poller?.refresh();
  }

  /** Puts the rows where they belong now. */
  reorder() {
    this.known = inOrder(this.known);
  }

  /** Whether something goes on, or will without anybody's doing. */
  get isBusy() {
    const { tasks, page } = this.known;
    return (
      Boolean(page.counts.running || page.counts.waiting) ||
      [...tasks.values()].some(({ state }) => state !== "stopped")
    );
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
    const { view, known, kept } = this;
    const answer = await runModuleAction("list-changes", {
      ...(known.version === null ? {} : { since: known.version }),
      view: requestOfView(view),
      shown: [...new Set([...known.order, ...kept])].slice(0, MAX_SHOWN),
    });
    // Who looks at something else by now has no use for it.
    if (view === this.view) {
      const order = known.version === null ? [] : this.known.order;
      this.known = applyChanges({ ...known, order }, answer, {
        length: view.length,
        kept: this.kept,
      });
    }
  }
}

export const taskFeed = new TaskFeed();

/** The task of an identity, as it is now; null when there is none. */
export async function findTask(identity) {
  const { tasks } = await runModuleAction("list-changes", { shown: [taskKey(identity)] });
  const same = (task) => task.localuser === identity.localuser && task.task_id === identity.task_id;
  return tasks.find(same) ?? null;
}
