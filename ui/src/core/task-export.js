/** The list of tasks with their last results as a file for a spreadsheet: what one hands over after a migration. */
import { csvText, downloadText } from "../lib/csv";
import { fileStamp } from "../lib/format";

const HEAD = [
  ...["localuser", "remoteusername", "remotehostname", "task_id", "state", "result"].map(
    (name) => `tasks.column_${name}`,
  ),
  ...["error", "ended", "messages", "new", "failed", "bytes", "seconds"].map(
    (name) => `tasks.csv_${name}`,
  ),
];

/**
 * @param {object} texts a Vue instance
 * @param {object[]} rows of `toRows`
 */
export function downloadTaskList(texts, rows) {
  const lines = rows.map(({ task, outcome }) => {
    const { result } = task;
    return [
      task.localuser,
      task.remoteusername,
      task.remotehostname,
      task.task_id,
      texts.$t(`condition.${task.error === null ? task.condition : "unreadable"}`),
      outcome.kind === "never" ? "" : texts.$t(`tasks.result_${outcome.kind}`),
      outcome.reason ? texts.codeText("outcome", outcome.reason, "text") : (task.error ?? ""),
      outcome.at ? new Date(outcome.at * 1000).toISOString() : "",
      result?.messages_here,
      result?.messages_transferred,
      result?.messages_failed,
      result?.bytes_transferred,
      result?.seconds,
    ];
  });
  downloadText(
    `imapsync_tasks_${fileStamp()}.csv`,
    csvText([HEAD.map((key) => texts.$t(key)), ...lines]),
    "text/csv",
  );
}
