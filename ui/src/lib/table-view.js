/**
 * How the reader looks at the list of tasks: search, filter, sort, page. The node chooses and orders (list-changes).
 *
 * A table that refreshes itself must not move rows under the reader's eyes, so the order in use is kept by
 * `keepOrder` until the reader asks for another one.
 */

/** Conditions (list-tasks) of each state by which the table can be filtered: each task has one. */
const CONDITIONS = {
  all: [],
  running: ["running"],
  queued: ["waiting"],
  server: ["server"],
  done: ["done"],
  failed: ["failed", "problems"],
  interrupted: ["interrupted"],
  stopped: ["stopped"],
  never: ["never"],
};

/** The states by which the table can be filtered. */
export const STATES = Object.keys(CONDITIONS);

/** Columns -> the member of list-tasks' `sort`. */
const SORTS = {
  localuser: "localuser",
  remoteusername: "remoteusername",
  remotehostname: "remotehostname",
  foldersynchronization: "foldersynchronization",
  cron: "cron",
  state: "condition",
  result: "result",
  task_id: "task_id",
};

/** Columns that can be sorted by. */
export const SORTABLE = Object.keys(SORTS);

/** Lengths of a page. */
export const LENGTHS = [10, 25, 50, 100];

/** What the node looks for at most. */
const MAX_SEARCH = 256;

/**
 * How the reader looks at the tasks, from members of the address. What no list can have becomes the default: addresses
 * are typed and kept for years.
 *
 * @returns {{search: string, state: string, sort: string, descending: boolean, page: number, length: number}}
 */
export function viewOfQuery({ search = "", state, sort, order, at, length }) {
  const number = (text, otherwise) => (/^[1-9]\d{0,6}$/.test(text) ? Number(text) : otherwise);
  return {
    search: String(search),
    state: STATES.includes(state) ? state : "all",
    sort: SORTABLE.includes(sort) ? sort : "localuser",
    descending: order === "down",
    page: number(at, 1),
    length: LENGTHS.includes(Number(length)) ? Number(length) : LENGTHS[0],
  };
}

/** The members of the address for a view. */
export function queryOfView({ search, state, sort, descending, page, length }) {
  return {
    search,
    state,
    sort,
    order: descending ? "down" : "up",
    at: String(page),
    length: String(length),
  };
}

/** Which tasks a view is about: the `filter` of run-tasks. */
export function filterOfView({ search, state }) {
  const conditions = CONDITIONS[state];
  return {
    ...(search.trim() ? { search: search.trim().slice(0, MAX_SEARCH) } : {}),
    ...(conditions.length ? { condition: conditions } : {}),
  };
}

/** The `view` of list-changes. */
export function requestOfView(view) {
  const { sort, descending, page, length } = view;
  return { ...filterOfView(view), sort: SORTS[sort], descending, page, length };
}

/** Whether two views look at the same. */
export function isSameView(one, other) {
  return Boolean(one && other) && Object.keys(one).every((name) => one[name] === other[name]);
}

/** Whether a task belongs to one of STATES. */
export function hasState(task, state) {
  return state === "all" || CONDITIONS[state].includes(task.condition);
}

/** How many tasks belong to one of STATES, of the node's `counts` by condition. */
export function countOfState(counts, state) {
  const conditions = state === "all" ? Object.keys(counts) : CONDITIONS[state];
  return conditions.reduce((sum, condition) => sum + counts[condition], 0);
}

/**
 * The order to show after new data: what is shown stays in its place, what has gone leaves, what is new comes last
 * while there is room.
 *
 * @param {string[]} shown keys in their present order
 * @param {string[]} fresh keys as they would be ordered now
 * @param {Map} existing tasks by key
 * @param {number} length of a page
 */
export function keepOrder(shown, fresh, existing, length) {
  const stays = shown.filter((key) => existing.has(key));
  const known = new Set(stays);
  const room = Math.max(0, length - stays.length);
  return [...stays, ...fresh.filter((key) => !known.has(key)).slice(0, room)];
}
