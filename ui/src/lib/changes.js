/** What list-changes tells, put together to the whole list of tasks. */
import { taskKey } from "./tasks.js";

/** What a reader knows before the first answer. */
export const NOTHING = Object.freeze({
  version: null,
  tasks: new Map(),
  queue: [],
  paused: false,
});

/**
 * What a reader knows after an answer. Tasks are frozen; one that is as it was is the same object.
 *
 * @param {{version: string, tasks: Map, queue: string[], paused: boolean}} known as given here before
 * @param {object} answer of list-changes
 */
export function applyChanges(known, answer) {
  const tasks = new Map(answer.full ? [] : known.tasks);
  for (const key of answer.removed) {
    tasks.delete(key);
  }
  for (const task of answer.tasks) {
    tasks.set(taskKey(task), Object.freeze(task));
  }
  const queue = answer.queue ?? known.queue;
  placeInQueue(tasks, queue);
  return { version: answer.version, tasks, queue, paused: answer.schedules_paused };
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
