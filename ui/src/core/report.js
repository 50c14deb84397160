/** Reports of a mailbox or of a project, made by the node, as files for the reader. */
import { downloadText } from "../lib/csv";
import { runModuleAction } from "./api";

/**
 * @param {object} whose `{localuser, task_id}` or `{project}`
 * @param {string} format html, csv or json
 * @param {string} locale the reader's; reports are in Italian or English
 */
export async function downloadReport(whose, format, locale) {
  const language = locale.startsWith("it") ? "it" : "en";
  const file = await runModuleAction("get-report", { ...whose, format, language });
  downloadText(file.file_name, file.content, file.media_type);
}
