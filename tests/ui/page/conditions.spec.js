/** How it stands with a task, in words; brakes that are released once; waits that a server asked for. */
import { expect, test } from "../support/fixtures.js";
import { furtherConditions, result, task, taskList } from "../support/samples.js";

const row = (frame, key) => frame.locator(`[data-task="${key}"]`);

test("each condition is told with what follows from it", async ({ node, open }) => {
  node.actions["list-tasks"] = () => taskList(furtherConditions());
  const frame = await open("tasks");
  for (const [key, ...texts] of [
    [
      "jana_parked",
      "Waiting for the server",
      /Until Nov 21, 2099, 2:05.PM: imap.example.org asked/,
    ],
    ["jana_parked", "Goes on by itself", "1,234 new, 94.2 MiB, 1 min 40 s"],
    ["karl_parked", /Since Nov 21, 2026, 8:55.AM imap.example.org may be asked again/],
    ["karl_parked", /Start the task again(?! then)/],
    ["lea_waits1", "Waiting for the server", /Until .*: the mail server asked for it/, "12,345 /"],
    ["mia_cut001", "Interrupted", "At 37 %, goes on by itself"],
    ["nina_cut002", "Interrupted", "Goes on by itself", "Position 1 in the queue"],
    ["otto_stop01", "Stopped by you", "Success", "1,234 messages, 94.2 MiB: all here"],
    ["paul_vanish", "Failed", "12 of 20 copies have vanished from the local mailbox."],
    ["rosa_gone01", "Done", "12 messages here (10 new, 1 min 40 s)"],
  ]) {
    for (const text of texts) {
      await expect(row(frame, key)).toContainText(text);
    }
  }
  await frame.getByLabel("Show", { exact: true }).selectOption("server");
  await expect(frame.locator("[data-task]")).toHaveCount(3);
  await frame.getByLabel("Show", { exact: true }).selectOption("interrupted");
  await expect(frame.locator("[data-task]")).toHaveCount(2);
});

for (const [error, member, title, words] of [
  ["brake_source_empty", "allow_deleted", "Delete up to 12 local messages?", "mailbox anna"],
  ["brake_delete", "allow_deleted", "Delete up to 12 local messages?", "which holds 20"],
  ["brake_vanished", "allow_vanished", "Delete the originals of up to 12 copies?", "imap.example"],
]) {
  test(`${error} is told with its numbers and released for one run, when somebody confirms`, async ({
    node,
    open,
  }) => {
    const brake = result({ exit_code: 122, error, brake_messages: 12, brake_of: 20 });
    node.actions["list-tasks"] = () => taskList([task({ result: brake })]);
    const frame = await open("tasks");
    await expect(row(frame, "anna_a0241w")).toContainText("12 of 20");
    const offer = frame.getByRole("button", { name: "It is on purpose: go on…" });
    await offer.click();
    const dialog = frame.getByRole("dialog", { name: title });
    await expect(dialog).toContainText(words);
    await expect(dialog.getByRole("button", { name: "Cancel" })).toBeFocused();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await expect(dialog).toHaveCount(0);
    expect(node.inputsOf("start-task")).toEqual([]);
    await offer.click();
    await dialog.getByRole("button", { name: "Delete up to 12" }).click();
    await expect.poll(() => node.inputsOf("start-task")).toHaveLength(1);
    expect(node.inputsOf("start-task")).toEqual([
      { localuser: "anna", task_id: "a0241w", [member]: 12 },
    ]);
    await expect(dialog).toHaveCount(0);
  });
}

test("a brake without numbers, or of a task that runs again, is not released", async ({
  node,
  open,
}) => {
  const brake = { exit_code: 123, error: "brake_delete" };
  const numbers = { brake_messages: 12, brake_of: 20 };
  node.actions["list-tasks"] = () =>
    taskList([
      task({ result: result(brake) }),
      task({ task_id: "b", state: "running", result: result({ ...brake, ...numbers }) }),
    ]);
  const frame = await open("tasks");
  await expect(frame.getByText("too many messages would have been deleted")).toHaveCount(2);
  await expect(frame.getByRole("button", { name: "It is on purpose" })).toHaveCount(0);
});

test("a task that was just created is in the list one comes back to, at its place", async ({
  node,
  open,
}) => {
  const tasks = ["b", "c", "d"].map((localuser) => task({ localuser }));
  node.actions["list-tasks"] = () => taskList([...tasks]);
  node.actions["create-task"] = ({ localuser, task_id: id }) => {
    tasks.push(task({ localuser, task_id: id, state: "queued", queue_position: 1 }));
    return { localuser, task_id: id };
  };
  const frame = await open("tasks");
  await frame.getByRole("button", { name: "Create task" }).click();
  await frame.getByRole("combobox", { name: "Local user" }).fill("anna");
  await frame.getByLabel("Remote user").fill("anna@example.org");
  await frame.getByLabel("Remote password").fill("secret");
  await frame.getByLabel("IMAP server").fill("imap.example.org");
  // An answer that takes its time, as on a busy node.
  const answer = node.actions["list-changes"];
  const seen = [];
  await frame.locator("#ns8-app").evaluate(() => {
    window.seen = [];
    new MutationObserver(() => {
      const keys = [...document.querySelectorAll("[data-task]")].map((one) => one.dataset.task);
      if (keys.length) {
        window.seen.push(keys.length);
      }
    }).observe(document.body, { childList: true, subtree: true });
  });
  node.actions["list-changes"] = async (data) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    return answer(data);
  };
  await frame.getByRole("button", { name: "Create task", exact: true }).click();
  await expect(frame.locator("[data-task]")).toHaveCount(4);
  seen.push(...(await frame.locator("#ns8-app").evaluate(() => window.seen)));
  expect(new Set(seen)).toEqual(new Set([4]));
  await expect(frame.locator("[data-task]").first()).toContainText("anna@example.org");
  await expect(frame.getByText("The list has changed")).toHaveCount(0);
});
