/**
 * How the reader last looked at the list of tasks: search, filter, sort, page. Who edits a task and comes back finds
 * the list as it was left, also after a reload.
 */
import { getInstanceName } from "./context";

const key = () => `imapsync-tasks-view-${getInstanceName()}`;

/**
 * @param {object} query members of the address of the page Tasks
 * @param {string} row key of the task that the reader goes to
 */
export function keepTasksView(query, row = "") {
  try {
    window.sessionStorage.setItem(key(), JSON.stringify({ query, row }));
  } catch {
    // Storage is full or forbidden: the list starts anew then.
  }
}

/** What was kept last: `{query, row}`. */
function kept() {
  try {
    return JSON.parse(window.sessionStorage.getItem(key())) ?? {};
  } catch {
    return {};
  }
}

/** Members of the address that show the list as it was left. */
export const lastTasksView = () => kept().query ?? {};

/** Key of the task that the reader went to, or "". */
export const lastTask = () => kept().row ?? "";
