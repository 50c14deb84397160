/** What list-changes tells of a view, put together to what a reader sees. */
import { keepOrder } from "./table-view.js";
import { taskKey } from "./tasks.js";

/** What a reader knows before the first answer. */
export const NOTHING = Object.freeze({
  version: null,
  tasks: new Map(),
  order: Object.freeze([]),
  page: Object.freeze({ tasks: [], total: 0, counts: {} }),
  queue: [],
  paused: false,
});

/**
 * What a reader knows after an answer. Tasks are frozen; one that is as it was is the same object.
 *
 * @param {object} known as given here before: `tasks` by key, `order` of those that are shown, `page` as it would be
 *   shown anew
 * @param {object} answer of list-changes
 * @param {{length: number, kept: string[]}} reader: rows of the page, and tasks that are wanted although they are not
 *   on it
 */
export function applyChanges(known, answer, { length, kept }) {
  const tasks = new Map(answer.full ? [] : known.tasks);
  for (const key of answer.removed) {
    tasks.delete(key);
  }
  for (const task of answer.tasks) {
    tasks.set(taskKey(task), Object.freeze(task));
  }
  const page = Object.freeze(answer.page ?? known.page);
  const order = Object.freeze(keepOrder(known.order, page.tasks, tasks, length));
  const wanted = new Set([...order, ...page.tasks, ...kept]);
  for (const key of tasks.keys()) {
    if (!wanted.has(key)) {
      tasks.delete(key);
    }
  }
  const queue = answer.queue ?? known.queue;
  placeInQueue(tasks, queue);
  return { version: answer.version, tasks, order, page, queue, paused: answer.schedules_paused };
}

/** What a reader knows whose rows are where they belong now. */
export function inOrder(known) {
  return { ...known, order: Object.freeze([...known.page.tasks]) };
}

/** Whether rows are not where they belong now. */
export function isMoved({ order, page }) {
  return order.length !== page.tasks.length || order.some((key, at) => key !== page.tasks[at]);
}

/** The queue moves without its tasks being told again. */
function placeInQueue(tasks, queue) {
  const places = new Map(queue.map((key, index) => [key, index + 1]));
  for (const [key, task] of tasks) {
    const place = task.state === "queued" ? (places.get(key) ?? null) : null;
    if (task.queue_position !== place) {
      tasks.set(key, Object.freeze({ ...task, queue_position: place }));
    }
  }
}
