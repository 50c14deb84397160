/** The mailboxes of the Mail application: who can be the local user of a task. */
import { runModuleAction } from "./api";

/** Before an unreachable Mail is asked once more: a restart of one of its services takes less. */
const AGAIN_MS = 5_000;

/**
 * The mailboxes, and why they may be missing. No list waits for this: Mail may take its time.
 *
 * @param {{refresh: boolean}} options do not take what the module remembers
 * @returns {Promise<{mailboxes: object[], error: string|null, delivers: boolean}>} delivers: by LMTP, too
 */
export async function loadMailboxes({ refresh = false } = {}) {
  let answer = await runModuleAction("list-mailboxes", { refresh });
  if (answer.mailboxes_error === "mail_server_unreachable") {
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    answer = await runModuleAction("list-mailboxes", { refresh: true });
  }
  const { enabled_mailboxes: mailboxes, mailboxes_error: error, delivers } = answer;
  return { mailboxes, error, delivers };
}
