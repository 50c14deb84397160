/**
 * Which rows a table shows and in which order: search, filter and sort as pure functions.
 *
 * A table that refreshes itself must not move rows under the reader's eyes, so the order in use is kept by
 * `keepOrder` until the reader asks for another one.
 */
import { periodOf } from "./schedule.js";
import { hasState, STATES } from "./tasks.js";

const RESULT_RANK = { error: 0, partial: 1, never: 2, success: 3 };
/** What goes on, then what wants to be looked at, then what is well. */
const CONDITIONS = [
  ...["running", "server", "waiting", "interrupted"],
  ...["failed", "problems", "stopped", "done", "never"],
];

const text = (pick) => (row) => String(pick(row.task) ?? "").toLowerCase();

/** What each sortable column compares. */
const SORT_VALUES = {
  localuser: text((task) => task.localuser),
  remoteusername: text((task) => task.remoteusername),
  remotehostname: text((task) => task.remotehostname),
  foldersynchronization: text((task) => task.foldersynchronization),
  cron: (row) => periodOf(row.task.cron),
  state: (row) => CONDITIONS.indexOf(row.task.condition),
  result: (row) => RESULT_RANK[row.outcome.kind] * 1e11 - (row.outcome.at ?? 0),
  task_id: text((task) => task.task_id),
};

/** Columns that can be sorted by. */
export const SORTABLE = Object.keys(SORT_VALUES);

/** Lengths of a page. */
export const LENGTHS = [10, 25, 50, 100];

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

/**
 * The keys of the rows that fit, in order.
 *
 * @param {object[]} rows of `toRows`
 * @param {{search: string, state: string, sort: string, descending: boolean}} view
 */
export function orderedKeys(rows, { search, state, sort, descending }) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const value = SORT_VALUES[sort] ?? SORT_VALUES.localuser;
  const sign = descending ? -1 : 1;
  return rows
    .filter((row) => hasState(row.task, state) && words.every((word) => row.search.includes(word)))
    .map((row) => [value(row), row.key])
    .sort(([a, keyA], [b, keyB]) => {
      if (a === b) {
        return keyA < keyB ? -1 : 1;
      }
      return a < b ? -sign : sign;
    })
    .map(([, key]) => key);
}

/**
 * The order to show after new data: what is shown stays in its place, what has gone leaves, what is new comes last.
 *
 * @param {string[]} shown keys in their present order
 * @param {string[]} fresh keys as they would be ordered now
 * @param {Set<string>} existing keys of all tasks
 * @returns {{keys: string[], moved: boolean}} `moved`: the fresh order differs from what is shown
 */
export function keepOrder(shown, fresh, existing) {
  const known = new Set(shown);
  const keys = [
    ...shown.filter((key) => existing.has(key)),
    ...fresh.filter((key) => !known.has(key)),
  ];
  const moved = keys.length !== fresh.length || keys.some((key, index) => key !== fresh[index]);
  return { keys, moved };
}
