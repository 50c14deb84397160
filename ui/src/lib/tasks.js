/** What a task of list-tasks means to a reader: pure functions from the action's output to what the page shows. */
import { parseExclusions } from "./exclusions.js";
import { reasonOfExitCode, refineReason } from "./exit-codes.js";

/** Identity of a task: also the name of its files on the server. */
export function taskKey(task) {
  return `${task.localuser}_${task.task_id}`;
}

/** The members that tell an action which task is meant. */
export function taskIdentity(task) {
  return { localuser: task.localuser, task_id: task.task_id };
}

/**
 * How the last finished run ended.
 *
 * @returns {{kind: "never"|"success"|"partial"|"error", reason: string, failed: number, at: number|null}} `failed`
 *   messages did not arrive; `at` is the end of the run (start, for results of earlier versions) in Unix seconds
 */
export function outcomeOf(task) {
  const code = task.result ? task.result.exit_code : task.last_sync_exit_code;
  if (code === null || code === undefined) {
    return { kind: "never", reason: "", failed: 0, at: null };
  }
  const failed = task.result?.messages_failed ?? 0;
  const at = task.result ? task.result.ended_at : task.last_sync_timestamp;
  const reason = task.result?.error ?? null;
  if (failed > 0 && (reason === null || code === 0)) {
    return { kind: "partial", reason: "", failed, at };
  }
  if (code === 0) {
    return { kind: "success", reason: "", failed, at };
  }
  const known = reason ? refineReason(reason, code) : reasonOfExitCode(code);
  return { kind: "error", reason: known, failed, at };
}

/** What a brake was pulled for, and the member of start-task that releases it. */
const BRAKES = {
  brake_source_empty: { kind: "deleted", member: "allow_deleted" },
  brake_delete: { kind: "deleted", member: "allow_deleted" },
  brake_vanished: { kind: "vanished", member: "allow_vanished" },
};

/**
 * The brake that stopped the last run.
 *
 * @returns {{kind: "deleted"|"vanished", messages: number, of: number, release: object}|null} `release`: members of
 *   start-task that let one run go on; null when no brake did, or its numbers are not known
 */
export function brakeOf({ result }) {
  const brake = BRAKES[result?.error];
  if (!brake || !result.brake_messages || !result.brake_of) {
    return null;
  }
  const { brake_messages: messages, brake_of: of } = result;
  return { kind: brake.kind, messages, of, release: { [brake.member]: messages } };
}

/**
 * How far a running task is, in percent of bytes, else of messages; null while neither total is known.
 */
export function percentDone(progress) {
  if (
    !progress ||
    !["copying", "flags", "deleting", "filtering", "verifying"].includes(progress.phase)
  ) {
    return null;
  }
  const [done, total] =
    progress.bytes_total > 0
      ? [progress.bytes_done, progress.bytes_total]
      : [progress.messages_done, progress.messages_total];
  return total > 0 ? Math.min(100, (100 * done) / total) : null;
}

/**
 * The wait that a server asked for, in this run or at the end of the last one.
 *
 * @returns {{until: number, local: boolean}|null} `until` in Unix seconds; `local`: it was the local one who asked
 */
export function waitOf({ condition, state, progress, result }) {
  if (condition !== "server") {
    return null;
  }
  const runs = state === "running";
  const until = runs ? progress?.waiting_until : Date.parse(result?.run_again_at) / 1000;
  const side = runs ? progress?.waiting_for : result?.error_side;
  return Number.isFinite(until) ? { until, local: side === "host2" } : null;
}

/**
 * The rows of the table. They are frozen: thousands of watched objects would make each refresh slow. A task that is
 * as it was keeps its row, so that only what changed is drawn again.
 *
 * @param {object[]} tasks of `applyChanges`
 * @param {object[]} previous the rows made before
 */
export function toRows(tasks, previous = []) {
  const known = new Map(previous.map((row) => [row.key, row]));
  return Object.freeze(
    tasks.map((task) => {
      const key = taskKey(task);
      const old = known.get(key);
      return old?.task === task ? old : makeRow(key, task);
    }),
  );
}

function makeRow(key, task) {
  return Object.freeze({
    key,
    task,
    outcome: Object.freeze(outcomeOf(task)),
    percent: percentDone(task.progress),
    exclusions: parseExclusions(task.exclude).length,
  });
}
