/** The mailboxes of the Mail application: who can be the local user of a task. */
import { runModuleAction } from "./api";

/** Before an unreachable Mail is asked once more: a restart of one of its services takes less. */
const AGAIN_MS = 5_000;

/**
 * The mailboxes, and why they may be missing. No list waits for this: Mail may take its time.
 *
 * @param {{refresh: boolean}} options do not take what the module remembers
 * @returns {Promise<{mailboxes: object[], error: string|null}>}
 */
export async function loadMailboxes({ refresh = false } = {}) {
  let answer = await runModuleAction("list-mailboxes", { refresh });
  if (answer.mailboxes_error === "mail_server_unreachable") {
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    answer = await runModuleAction("list-mailboxes", { refresh: true });
  }
  return { mailboxes: answer.enabled_mailboxes, error: answer.mailboxes_error };
}
