/** The list of tasks with their last results as a file for a spreadsheet: what one hands over after a migration. */
import { csvText, downloadText } from "../lib/csv";
import { fileStamp } from "../lib/format";
import { taskKey, toRows } from "../lib/tasks";
import { runModuleAction } from "./api";

const HEAD = [
  ...["localuser", "remoteusername", "remotehostname", "task_id", "state", "result"].map(
    (name) => `tasks.column_${name}`,
  ),
  ...["error", "ended", "messages", "new", "failed", "bytes", "seconds"].map(
    (name) => `tasks.csv_${name}`,
  ),
];

/** Tasks that are asked for at once: an answer of them is about 1.5 MB. */
const LENGTH = 1_000;

/** All tasks, one page after the other; one that moves to the next page meanwhile is there once. */
async function everyTask() {
  const found = new Map();
  for (let page = 1, total = 1; (page - 1) * LENGTH < total; page += 1) {
    const view = { sort: "localuser", page, length: LENGTH };
    const answer = await runModuleAction("list-changes", { view });
    answer.tasks.forEach((task) => found.set(taskKey(task), task));
    total = answer.page.total;
  }
  return [...found.values()];
}

/** @param {object} texts a Vue instance */
export async function downloadTaskList(texts) {
  const lines = toRows(await everyTask()).map(({ task, outcome }) => {
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
