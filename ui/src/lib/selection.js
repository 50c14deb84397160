/**
 * Which tasks are selected: those named by `keys`, or with `all` every task that search and filter fit but those.
 * Nothing is ever selected that search and filter hide.
 */
import { filterOfView, hasState } from "./table-view.js";
import { taskIdentity } from "./tasks.js";

export const NONE = Object.freeze({ all: false, keys: Object.freeze([]) });
export const EVERY = Object.freeze({ all: true, keys: Object.freeze([]) });

export function isSelected({ all, keys }, key) {
  return keys.includes(key) !== all;
}

/** The selection with tasks taken in or left out. */
export function select({ all, keys }, chosen, on) {
  const others = keys.filter((key) => !chosen.includes(key));
  return { all, keys: on === all ? others : [...others, ...chosen] };
}

/**
 * The selection without what is not there any more, or fits the filter no more.
 *
 * @param {Map} tasks by key: all that are named
 */
export function existing({ all, keys }, tasks, state) {
  const stays = (task) => task !== undefined && (!all || hasState(task, state));
  return { all, keys: keys.filter((key) => stays(tasks.get(key))) };
}

/** How many are selected, of `total` that fit. */
export function countOf({ all, keys }, total) {
  return all ? Math.max(0, total - keys.length) : keys.length;
}

/** The members of run-tasks that say which tasks are meant; `tasks` by key: all that are named. */
export function requestOf({ all, keys }, tasks, view) {
  const named = keys.map((key) => taskIdentity(tasks.get(key)));
  if (!all) {
    return { tasks: named };
  }
  return { filter: filterOfView(view), ...(named.length ? { except: named } : {}) };
}
