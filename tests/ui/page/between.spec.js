/** What administrators do between the pages: go away and come back, work in two browsers, on a slow node, in long lists. */
import { readFile } from "node:fs/promises";
import { app, expect, expectAccessible, shoot, test } from "../support/fixtures.js";
import { bulkRun, lastImport, manyTasks, result, task, taskList } from "../support/samples.js";
import { Failure, HttpStatus, Refusal } from "../support/stub-node.js";

const keys = (frame) =>
  frame.locator("[data-task]").evaluateAll((rows) => rows.map((row) => row.dataset.task));

async function chooseAction(frame, key, action) {
  await frame.locator(`[data-task="${key}"] button[aria-haspopup=menu]`).click();
  await frame.getByRole("menuitem", { name: action, exact: true }).click();
}

/** Looks at the third page of ten rows of the tasks of "user0", sorted by their id downwards. */
async function lookAtSomething(frame) {
  await frame.getByLabel("Rows per page").selectOption("25");
  await frame.getByLabel("Search tasks").fill("user0");
  await expect(frame.getByText("60 tasks")).toBeVisible();
  await frame.getByRole("button", { name: "Task ID" }).click();
  await frame.getByRole("button", { name: "Task ID" }).click();
  await frame.getByRole("button", { name: "Next page" }).click();
  await expect(frame.getByText("26–50 of 60")).toBeVisible();
  return keys(frame);
}

for (const [way, leave] of [
  ["Save", (frame) => frame.getByRole("button", { name: "Save", exact: true }).click()],
  ["Cancel", (frame) => frame.getByRole("button", { name: "Cancel" }).click()],
  ["the link to the tasks", (frame) => frame.locator(".im-back a").click()],
  ["the menu", (frame) => frame.locator("nav a", { hasText: "Tasks" }).click()],
  ["the browser's back", (frame, page) => page.goBack()],
]) {
  const tag = ["Save", "the browser's back"].includes(way) ? [] : "@slow";
  test(
    `editing and coming back by ${way} shows the list as it was`,
    { tag },
    async ({ page, node, open }) => {
      node.actions["list-tasks"] = () => taskList([...manyTasks(60), task()]);
      const frame = await open("tasks");
      const before = await lookAtSomething(frame);
      const last = await frame
        .locator("[data-task]", { hasText: "Done" })
        .last()
        .getAttribute("data-task");
      await chooseAction(frame, last, "Edit");
      await expect(frame.getByRole("heading", { name: "Edit task" })).toBeVisible();
      await expect(frame.getByLabel("Remote user")).not.toHaveValue("");
      await leave(frame, page);
      await expect(frame.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
      await expect(frame.getByLabel("Search tasks")).toHaveValue("user0");
      expect(await keys(frame)).toEqual(before);
      // The row one comes from is in sight, with the focus.
      const menu = frame.locator(`[data-task="${last}"] button[aria-haspopup=menu]`);
      await expect(menu).toBeFocused();
      await expect(menu).toBeInViewport();
    },
  );
}

test("search, filter, sort, page and length stand in the address and survive a reload", async ({
  page,
  node,
  open,
}) => {
  node.actions["list-tasks"] = () => taskList([...manyTasks(60), task()]);
  const before = await lookAtSomething(await open("tasks"));
  await expect(page).toHaveURL(/search=user0&state=all&sort=task_id&order=down&at=2&length=25/);
  await page.reload();
  await expect(app(page).getByText("26–50 of 60")).toBeVisible();
  expect(await keys(app(page))).toEqual(before);
});

test("an address that no list can have shows the list", async ({ open }) => {
  const frame = await open("tasks", "&state=odd&sort=__proto__&order=x&at=-3&length=7");
  await expect(frame.locator("[data-task]").first()).toBeVisible();
});

for (const [way, leave] of [
  ["the menu", (frame) => frame.locator("nav a", { hasText: "Status" }).click()],
  ["the link to the tasks", (frame) => frame.locator(".im-back a").click()],
  ["the browser's back", (frame, page) => page.goBack()],
  ["a reload", (frame, page) => page.reload()],
]) {
  test(`a half-filled form left by ${way} is there again, but for the password`, async ({
    page,
    node,
    open,
  }) => {
    const frame = await open("tasks");
    await frame.getByRole("button", { name: "Create task" }).click();
    await frame.getByRole("combobox", { name: "Local user" }).fill("anna");
    await frame.getByLabel("Remote user").fill("anna@example.org");
    await frame.getByLabel("Remote password").fill("secret");
    await frame.getByLabel("IMAP server").fill("imap.example.org");
    await frame.getByText("Only INBOX", { exact: true }).click();
    await leave(frame, page);
    if (way !== "a reload") {
      await expect(frame.getByRole("heading", { name: "Create task" })).toHaveCount(0);
      await open("task");
    }
    await expect(frame.getByText("What you typed is still here")).toBeVisible();
    await expect(frame.getByRole("combobox", { name: "Local user" })).toHaveValue("anna");
    await expect(frame.getByLabel("IMAP server")).toHaveValue("imap.example.org");
    await expect(frame.getByRole("radio", { name: "Only INBOX" })).toBeChecked();
    await expect(frame.getByLabel("Remote password")).toHaveValue("");
    expect(
      await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }])),
    ).not.toContain("secret");
    await frame.getByRole("button", { name: "Start anew" }).click();
    await expect(frame.getByRole("combobox", { name: "Local user" })).toHaveValue("");
    await expect(frame.getByText("What you typed is still here")).toHaveCount(0);
    expect(node.inputsOf("create-task")).toEqual([]);
  });
}

test("a form that was cancelled or saved is forgotten", async ({ open }) => {
  const frame = await open("task");
  for (const button of ["Cancel", "Create task"]) {
    await frame.getByRole("combobox", { name: "Local user" }).fill("anna");
    await frame.getByLabel("Remote user").fill("anna@example.org");
    await frame.getByLabel("Remote password").fill("secret");
    await frame.getByLabel("IMAP server").fill("imap.example.org");
    await frame.getByRole("button", { name: button, exact: true }).click();
    await expect(frame.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
    await frame.getByRole("button", { name: "Create task" }).click();
    await expect(frame.getByRole("heading", { name: "Create task" })).toBeVisible();
    await expect(frame.getByRole("combobox", { name: "Local user" })).toHaveValue("");
  }
});

test("saving a task that another browser deleted says so, and brings nothing back", async ({
  node,
  open,
}) => {
  const tasks = [task(), task({ localuser: "bruno", task_id: "b" })];
  node.actions["list-tasks"] = () => taskList([...tasks]);
  const frame = await open("tasks");
  await chooseAction(frame, "anna_a0241w", "Edit");
  await frame.getByLabel("IMAP server").fill("elsewhere.example.org");
  tasks.shift();
  await frame.getByRole("button", { name: "Save", exact: true }).click();
  await expect(frame.getByText("This task does not exist any more.")).toBeVisible();
  expect(node.inputsOf("create-task")).toEqual([]);
  await frame.getByRole("button", { name: "Cancel" }).click();
  await expect(frame.locator("[data-task]")).toHaveCount(1);
});

test("a task that another browser deletes leaves the list and the selection", async ({
  node,
  open,
}) => {
  const tasks = [task({ state: "running" }), task({ localuser: "bruno", task_id: "b" })];
  node.actions["list-tasks"] = () => taskList([...tasks]);
  const frame = await open("tasks");
  await frame.getByRole("checkbox", { name: "Select bruno_b" }).check();
  await expect(frame.getByText("1 selected")).toBeVisible();
  tasks.pop();
  await expect(frame.locator("[data-task]")).toHaveCount(1);
  await expect(frame.getByText("1 selected")).toHaveCount(0);
});

test("an action on many tasks is the node's: a page that is opened meanwhile shows it, and its result until it is dismissed", async ({
  page,
  node,
  open,
}) => {
  const tasks = manyTasks(12);
  node.actions["list-tasks"] = () => taskList(tasks);
  let bulk = { run: bulkRun({ verb: "stop", total: 65, done: 20, ended_at: null }), running: true };
  node.actions["get-tasks-run"] = (data) => {
    bulk = data?.dismiss === bulk.run?.id ? { run: null, running: false } : bulk;
    return bulk;
  };
  let frame = await open("tasks");
  const bar = frame.getByRole("group", { name: "Selected tasks" });
  await expect(bar.getByText("Stopping tasks: 20 of 65")).toBeVisible();
  const failures = [{ localuser: "anna", task_id: "a", error: "task_still_running" }];
  bulk = {
    run: bulkRun({ verb: "stop", total: 65, failed: 7, failures }),
    running: false,
  };
  await expect(frame.getByText("58 tasks were stopped")).toBeVisible();
  await expect(bar).toHaveCount(0);
  await page.reload();
  frame = app(page);
  await expect(frame.getByText("58 tasks were stopped")).toBeVisible();
  await expect(frame.getByText("anna (a): The task did not stop")).toBeVisible();
  await expect(frame.getByText("7 of 65 failed:")).toBeVisible();
  await expect(frame.getByText("and 6 more")).toBeVisible();
  await frame.getByRole("button", { name: "Dismiss" }).click();
  await expect(frame.getByText("58 tasks were stopped")).toHaveCount(0);
  await expect.poll(() => bulk.run).toBe(null);
});

test("an action on many tasks is one call, and the page can be left at once", async ({
  node,
  open,
}) => {
  node.actions["list-tasks"] = () => taskList(manyTasks(12));
  let answer;
  node.actions["run-tasks"] = (data, progress) => {
    progress(50);
    return new Promise((resolve) => (answer = resolve));
  };
  const frame = await open("tasks", "&length=25");
  await frame.getByRole("checkbox", { name: "Select the tasks of this page" }).check();
  const bar = frame.getByRole("group", { name: "Selected tasks" });
  await bar.getByRole("button", { name: "Stop" }).click();
  await expect(bar.getByText("Stopping tasks: 0 of 12")).toBeVisible();
  await frame.locator("nav a", { hasText: "Status" }).click();
  await expect(frame.getByRole("heading", { name: "Status" })).toBeVisible();
  expect(node.inputsOf("run-tasks")).toHaveLength(1);
  expect(node.inputsOf("run-tasks")[0].tasks).toHaveLength(12);
  answer(bulkRun({ verb: "stop", total: 12 }));
});

test("one that was cut off says how far it came", async ({ node, open }) => {
  node.actions["get-tasks-run"] = () => ({
    run: bulkRun({ verb: "start", total: 65, done: 25, ended_at: null }),
    running: false,
  });
  const frame = await open("tasks");
  await expect(frame.getByText("25 tasks were started")).toBeVisible();
  await expect(frame.getByText("It was cut off: 25 of 65 tasks were dealt with.")).toBeVisible();
});

test("what is chosen becomes the same in many tasks, and a mistake is told at its field", async ({
  node,
  open,
}) => {
  const frame = await open("tasks");
  for (const name of ["dario_good01", "elena_part01"]) {
    await frame.getByRole("checkbox", { name: `Select ${name}` }).check();
  }
  await frame.getByRole("button", { name: "Change…" }).click();
  const dialog = frame.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: "Change 2 tasks" });
  await expect(confirm).toBeDisabled();
  await dialog.getByRole("checkbox", { name: "Schedule" }).check();
  await dialog.getByText("Run at a fixed interval in hours", { exact: true }).click();
  await dialog.getByRole("spinbutton", { name: "Hours" }).fill("30");
  await confirm.click();
  await expect(dialog.getByText("Enter a whole number from 1 to 23")).toBeVisible();
  expect(node.inputsOf("run-tasks")).toEqual([]);
  await dialog.getByRole("spinbutton", { name: "Hours" }).fill("6");
  await dialog.getByRole("checkbox", { name: "Folders" }).check();
  await dialog.getByText("All except selected", { exact: true }).click();
  await dialog.getByLabel("Patterns").fill("^Spam$\n^Trash$");
  await expect(dialog.getByRole("button", { name: "Load the folders" })).toHaveCount(0);
  await confirm.click();
  await expect(frame.getByText("2 tasks were changed")).toBeVisible();
  expect(node.inputsOf("run-tasks")).toEqual([
    {
      verb: "change",
      tasks: [
        { localuser: "dario", task_id: "good01" },
        { localuser: "elena", task_id: "part01" },
      ],
      changes: {
        cron: "6h",
        foldersynchronization: "exclusion",
        exclude: "^Spam$,^Trash$",
        sieve_enabled: false,
        delivery: "append",
      },
    },
  ]);
});

test("selected tasks are moved to a source, and who stays where it was is told", async ({
  node,
  open,
}) => {
  node.actions["list-sources"] = () => ({
    sources: [{ source: "office", error: null }],
  });
  const tasks = [
    { localuser: "dario", task_id: "good01" },
    { localuser: "elena", task_id: "part01" },
  ];
  node.actions["run-tasks"] = () =>
    bulkRun({
      verb: "change",
      total: 2,
      failed: 1,
      failures: [{ ...tasks[1], error: "bad_user_credentials" }],
    });
  const frame = await open("tasks");
  for (const name of ["dario_good01", "elena_part01"]) {
    await frame.getByRole("checkbox", { name: `Select ${name}` }).check();
  }
  await frame.getByRole("button", { name: "Change…" }).click();
  const dialog = frame.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: "Change 2 tasks" });
  await dialog.getByRole("checkbox", { name: "Source" }).check();
  await confirm.click();
  await expect(dialog.getByText("Required", { exact: true })).toBeVisible();
  await dialog.getByRole("combobox", { name: "Name" }).selectOption("office");
  await confirm.click();
  await expect(frame.getByText("1 task was changed")).toBeVisible();
  await expect(frame.getByText("elena (part01): The remote server refused")).toBeVisible();
  expect(node.inputsOf("run-tasks")).toEqual([
    { verb: "change", tasks, changes: { source: "office" } },
  ]);
});

for (const width of [1440, 390]) {
  test.describe(`${width} px`, () => {
    test.use({ viewport: { width, height: 844 } });
    test("what can be done with selected tasks stays in sight, and how far it is", async ({
      node,
      open,
    }) => {
      node.actions["list-tasks"] = () => taskList(manyTasks(100));
      let go;
      node.actions["run-tasks"] = () => new Promise((resolve) => (go = resolve));
      const frame = await open("tasks", "&length=100");
      const box = frame.getByRole("checkbox", { name: "Select user00060_t00060" });
      await box.scrollIntoViewIfNeeded();
      await box.check();
      const bar = frame.getByRole("group", { name: "Selected tasks" });
      await expect(bar.getByRole("button", { name: "Stop" })).toBeInViewport({ ratio: 1 });
      await bar.getByRole("button", { name: "Stop" }).click();
      await expect(bar.getByText("Stopping tasks: 0 of 1")).toBeInViewport({ ratio: 1 });
      go(bulkRun({ verb: "stop" }));
      await expect(bar.getByText("Stopping tasks")).toHaveCount(0);
    });
  });
}

test("a service that is down is said on both pages before anything is tried", async ({
  node,
  open,
}) => {
  const status = node.actions["get-status"]();
  node.actions["get-status"] = () => ({
    ...status,
    services: [{ name: "imapsync", active: false, failed: false, enabled: true }],
  });
  for (const name of ["tasks", "status"]) {
    const frame = await open(name);
    await expect(frame.getByText("The synchronization service is not running")).toBeVisible();
  }
  const frame = await open("tasks");
  await frame.getByRole("button", { name: "Go to settings" }).click();
  await expect(frame.getByRole("heading", { name: "Settings" })).toBeVisible();
});

for (const name of ["task", "import"]) {
  test(`without a mail server the page ${name} leads to the settings`, async ({ node, open }) => {
    node.actions["list-tasks"] = () =>
      taskList([], { mailboxes_error: "not_configured", enabled_mailboxes: [] });
    const frame = await open(name);
    await frame.getByRole("button", { name: "Go to settings" }).click();
    await expect(frame.getByRole("heading", { name: "Settings" })).toBeVisible();
  });
}

test("a Mail that takes its time delays neither the list nor the form", async ({ node, open }) => {
  node.actions["list-mailboxes"] = () => new Promise(() => {});
  const frame = await open("tasks");
  await expect(frame.locator("[data-task]").first()).toBeVisible();
  await frame.getByRole("button", { name: "Create task" }).click();
  await expect(frame.getByLabel("Remote user")).toBeVisible();
});

test("a Mail that is reached at the second try is never called unreachable", async ({
  node,
  open,
}) => {
  let asked = 0;
  node.actions["list-mailboxes"] = () => {
    asked += 1;
    return asked === 1
      ? { enabled_mailboxes: [], mailboxes_error: "mail_server_unreachable" }
      : { enabled_mailboxes: [], mailboxes_error: null };
  };
  const frame = await open("tasks");
  const warning = frame.getByText("The mail server does not answer");
  let seen = false;
  await expect
    .poll(async () => {
      seen ||= (await warning.count()) > 0;
      return asked;
    })
    .toBe(2);
  expect(seen).toBe(false);
  await expect(warning).toHaveCount(0);
});

test("messages that were not copied can be tried again from their list", async ({ node, open }) => {
  const frame = await open("tasks");
  await frame.getByRole("button", { name: "3 messages not copied" }).click();
  await frame.getByRole("button", { name: "Try these again" }).click();
  await expect.poll(() => node.inputsOf("start-task")).toHaveLength(1);
  expect(node.inputsOf("start-task")[0]).toEqual({
    localuser: "elena",
    task_id: "part01",
    retry_failed: true,
  });
});

test("a task is verified, and its report taken away, from its menu", async ({
  page,
  node,
  open,
}) => {
  node.actions["get-report"] = ({ localuser, format }) => ({
    file_name: `${localuser}.${format}`,
    media_type: "text/html",
    content: "<p>all here</p>",
  });
  const frame = await open("tasks");
  const menu = frame.getByRole("row", { name: /elena/ }).getByRole("button", { name: /Actions/ });
  await menu.click();
  await frame.getByRole("menuitem", { name: "Verify" }).click();
  await frame.getByRole("dialog").getByRole("button", { name: "Verify", exact: true }).click();
  await expect
    .poll(() => node.inputsOf("start-task"))
    .toEqual([{ localuser: "elena", task_id: "part01", verify: true, method: "headers" }]);
  await menu.click();
  const coming = page.waitForEvent("download");
  await frame.getByRole("menuitem", { name: "Report" }).click();
  expect((await coming).suggestedFilename()).toBe("elena.html");
});

test("a selection is verified by the method that is chosen", async ({ page, node, open }) => {
  node.actions["run-tasks"] = ({ verb }) => bulkRun({ verb, total: 2, done: 2 });
  const frame = await open("tasks");
  for (const row of [0, 1]) {
    await frame.locator("[data-task]").nth(row).getByRole("checkbox").check();
  }
  const selection = frame.getByRole("group", { name: "Selected tasks" });
  await selection.getByRole("button", { name: "Verify", exact: true }).click();
  const dialog = frame.getByRole("dialog", { name: "Verify 2 mailboxes" });
  await expect(dialog.getByRole("radio", { name: "By headers" })).toBeChecked();
  await dialog.getByText("By content", { exact: true }).click();
  await shoot(page, "verify");
  await expectAccessible(page, "verify");
  await dialog.getByRole("button", { name: "Verify", exact: true }).click();
  await expect(frame.getByText("2 verifications were started")).toBeVisible();
  const [asked] = node.inputsOf("run-tasks");
  expect([asked.verb, asked.method, asked.tasks.length]).toEqual(["verify", "content", 2]);
});

test("verifications of many tasks have their own words", async ({ node, open }) => {
  node.actions["get-tasks-run"] = () => ({
    run: bulkRun({ verb: "verify", total: 65, done: 65 }),
    running: false,
  });
  const frame = await open("tasks");
  await expect(frame.getByText("65 verifications were started")).toBeVisible();
});

test("a success says what is there, and the list can be handed over", async ({
  page,
  node,
  open,
}) => {
  node.actions["list-tasks"] = () =>
    taskList([
      task({
        last_sync_exit_code: 0,
        result: result({
          messages_transferred: 1960,
          messages_skipped: 1040,
          messages_here: 3000,
          bytes_here: 61 * 1024 ** 2,
          bytes_transferred: 61 * 1024 ** 2,
          seconds: 4.7,
        }),
      }),
      task({ localuser: "=cmd", task_id: "b" }),
    ]);
  const frame = await open("tasks");
  await expect(
    frame.getByText("3,000 messages, 61 MiB: all here (1,960 new, 4.7 s)", { exact: true }),
  ).toBeVisible();
  await frame.getByRole("button", { name: "All tasks" }).click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    frame.getByRole("menuitem", { name: "Download the list as CSV" }).click(),
  ]);
  const lines = (await readFile(await download.path(), "utf8")).trim().split("\r\n");
  expect(lines).toHaveLength(3);
  expect(lines[1]).toContain('"Done","Success"');
  expect(lines[1]).toContain("3000,1960,0,63963136,4.7");
  expect(lines[2]).toContain(`"'=cmd"`);
});

test("an expired session leads to the login", async ({ page, node, open }) => {
  page.removeAllListeners("console");
  // Not an action that the page runs by itself: it would be gone before the reader does anything.
  node.actions["get-log"] = () => new HttpStatus(401);
  const frame = await open("tasks");
  await frame.locator("[data-task=elena_part01] button[aria-haspopup=menu]").click();
  await frame.getByRole("menuitem", { name: "Log", exact: true }).click();
  await expect(page.getByLabel("Username")).toBeVisible();
});

test("a failure that the page tells at its place is no toast as well", async ({
  page,
  node,
  open,
}) => {
  node.actions["list-remote-folders"] = () =>
    new Refusal([
      { field: "remotepassword", parameter: "", value: "", error: "bad_user_credentials" },
    ]);
  node.actions["get-log"] = () => new Failure("boom");
  const frame = await open("tasks");
  await chooseAction(frame, "elena_part01", "Edit");
  await frame.getByRole("button", { name: "Load the folders of the account" }).click();
  await expect(frame.getByText("The remote server refused the user or the password")).toBeVisible();
  await frame.getByRole("button", { name: "Cancel" }).click();
  await chooseAction(frame, "elena_part01", "Log");
  await expect(frame.getByText("boom")).toBeVisible();
  await expect(page.locator(".core-toast")).toHaveCount(0);
});

test("every task has a name in the reader's words", async ({ node, open }) => {
  const frame = await open("tasks");
  await frame.locator("nav a", { hasText: "Status" }).click();
  await expect(frame.getByText("in all")).toBeVisible();
  await frame.locator("nav a", { hasText: "About" }).click();
  await expect(frame.getByText("Author")).toBeVisible();
  expect(node.posted.length).toBeGreaterThan(6);
  for (const { action, extra } of node.posted) {
    expect(extra.title, action).toMatch(/^[A-Z][a-z]+ [a-z ]+$/);
  }
});

/** Bytes of JavaScript objects that are in use. */
async function heap(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return usedSize;
}

test("a hundred looks at 200 tasks leave less than 1 MiB in this tab and in another's", async ({
  page,
  context,
  files,
  node,
  open,
}) => {
  test.slow();
  const tasks = manyTasks(200);
  let looks = 0;
  node.actions["list-tasks"] = () => {
    looks += 1;
    tasks[7] = {
      ...tasks[7],
      state: "running",
      progress: { phase: "copying", messages_done: looks },
    };
    return taskList(tasks);
  };
  const other = await context.newPage();
  await other.addInitScript(() => localStorage.setItem("loginInfo", '{"token":"token"}'));
  await node.attach(other);
  await other.goto(`${files.origin}/cluster-admin/#/`);
  const frame = await open("tasks");
  const refresh = frame.getByRole("button", { name: "Refresh" });
  const look = async () => {
    const before = node.inputsOf("list-changes").length;
    await refresh.dispatchEvent("click");
    await expect
      .poll(() => node.inputsOf("list-changes").length, { intervals: [10, 20, 50, 100] })
      .toBeGreaterThan(before);
  };
  for (let n = 0; n < 10; n += 1) {
    await look();
  }
  const before = [await heap(page), await heap(other)];
  for (let n = 0; n < 100; n += 1) {
    await look();
  }
  // What was used a moment ago may need more than one collection to go; what is kept stays after any number of them.
  const grown = [page, other].map(() => Infinity);
  await expect
    .poll(
      async () => {
        const after = [await heap(page), await heap(other)];
        after.forEach(
          (size, n) => (grown[n] = Math.min(grown[n], Math.round((size - before[n]) / 1024))),
        );
        return Math.max(...grown);
      },
      { timeout: 20_000 },
    )
    .toBeLessThan(1024);
  test.info().annotations.push({ type: "grown", description: `${grown.join(" and ")} KiB` });
  // What this page has asked in vain is forgotten by the frame around it, but for the latest.
  await expect
    .poll(() => page.evaluate(() => window.core.taskBus.kept.size), { timeout: 20_000 })
    .toBeLessThan(10);
});

async function loadFile(frame) {
  await frame.locator("input[type=file]").setInputFiles({
    name: "users.csv",
    mimeType: "text/csv",
    buffer: Buffer.from("localusername"),
  });
}

test("rows are pasted, and the server of all of them is given once", async ({ node, open }) => {
  node.actions["list-sources"] = () => ({ sources: [{ source: "office", error: null }] });
  const frame = await open("import");
  const server = frame.getByRole("combobox", { name: "Server of the accounts" });
  await server.selectOption({ label: "One server for all rows" });
  const pasted = "anna;anna@example.org;secret";
  await frame.getByLabel("Or paste rows").fill(pasted);
  await frame.getByRole("button", { name: "Check the rows" }).click();
  await expect(frame.getByText("Enter the server of the accounts first")).toBeVisible();
  expect(node.inputsOf("check-csv-tasks")).toEqual([]);
  await frame.getByLabel("IMAP server").fill("imap.example.org");
  await frame.getByText("SSL/TLS (port 993)", { exact: true }).click();
  await frame.getByRole("button", { name: "Check the rows" }).click();
  await frame.getByRole("button", { name: "Import 2 rows" }).click();
  await expect(frame.getByText("1 created · 1 failed")).toBeVisible();
  const rows = {
    csv_secret: pasted,
    header: "auto",
    server: { remotehostname: "imap.example.org", remoteport: 993, security: "ssl" },
  };
  expect(node.inputsOf("check-csv-tasks")[0]).toMatchObject(rows);
  expect(node.inputsOf("import-csv-tasks")[0]).toMatchObject(rows);
  await frame.getByRole("button", { name: "Choose another file" }).click();
  await expect(frame.getByLabel("Or paste rows")).toHaveValue("");
  await server.selectOption({ label: "Source: office" });
  await loadFile(frame);
  await expect(frame.getByRole("table")).toBeVisible();
  expect(node.inputsOf("check-csv-tasks").at(-1)).toMatchObject({ server: { source: "office" } });
});

test(
  "a file of ten thousand accounts is waited for on a slow line",
  { tag: "@slow" },
  async ({ node, open }) => {
    const check = node.actions["check-csv-tasks"]();
    node.actions["check-csv-tasks"] = () =>
      new Promise((resolve) => setTimeout(() => resolve(check), 13_000));
    const frame = await open("import");
    await frame.getByLabel("Or paste rows").fill("anna,anna@example.org,secret\n".repeat(10_000));
    await frame.getByRole("button", { name: "Check the rows" }).click();
    await expect(frame.getByRole("table")).toBeVisible({ timeout: 30_000 });
  },
);

test("a CSV file with a header only says that it has no rows", async ({ node, open }) => {
  const check = node.actions["check-csv-tasks"]();
  node.actions["check-csv-tasks"] = () => ({
    ...check,
    rows: [],
    counts: { new: 0, existing: 0, repeated: 0, invalid: 0 },
  });
  const frame = await open("import");
  await loadFile(frame);
  await expect(frame.getByText("The file has no rows")).toBeVisible();
  await expect(frame.getByRole("table")).toHaveCount(0);
});

test("a row of a CSV file says what is missing and what would be right, in the reader's words", async ({
  node,
  open,
}) => {
  const check = node.actions["check-csv-tasks"]();
  const [row] = check.rows;
  const wrong = (field, error, text) => ({ field, error, text });
  node.actions["check-csv-tasks"] = () => ({
    ...check,
    rows: [
      {
        ...row,
        status: "invalid",
        errors: [
          wrong("remotepassword", "missing", "Missing required value: remotepassword"),
          wrong("security", "invalid_value", "Invalid security 'magic'"),
          wrong("localusername", "invalid_value", "Invalid localusername"),
        ],
      },
    ],
    counts: { new: 0, existing: 0, repeated: 0, invalid: 1 },
  });
  const frame = await open("import");
  await loadFile(frame);
  const shown = frame.locator("[data-row]");
  await expect(shown).toContainText("remotepassword: Required");
  await expect(shown).toContainText("Write tls (STARTTLS), ssl (SSL/TLS) or nothing");
  await expect(shown).toContainText("This cannot be the name of a local user");
  await expect(shown.getByText("missing", { exact: true })).toBeVisible();
  await expect(shown.getByText("••••••")).toHaveCount(0);
});

test("all logins of a file are verified before anything is created, and the tasks wait for a date", async ({
  node,
  open,
}) => {
  const { results, ...counts } = node.actions["import-csv-tasks"]();
  const verified = results.map((one) => (one.row === 2 ? { ...one, status: "verified" } : one));
  node.actions["import-csv-tasks"] = ({ verify }) =>
    verify ? { ...counts, results: verified, created: 0, verified: 1 } : { ...counts, results };
  const frame = await open("import");
  await loadFile(frame);
  await frame.getByRole("button", { name: "Verify logins" }).click();
  await expect(frame.getByText("1 login works")).toBeVisible();
  const failed = frame.locator('[data-row="6"]');
  await expect(failed).toContainText("The remote server refused the user or the password");
  await expect(failed.getByRole("checkbox")).not.toBeChecked();
  await frame.getByText("Once, at a date").click();
  const start = frame.getByRole("button", { name: /^Import \d/ });
  await expect(start).toBeDisabled();
  await frame.getByLabel("Date", { exact: true }).fill("2099-12-24");
  await frame.getByLabel("Time", { exact: true }).fill("21:30");
  await start.click();
  await expect.poll(() => node.inputsOf("import-csv-tasks")).toHaveLength(2);
  const [first, second] = node.inputsOf("import-csv-tasks");
  expect(first.verify).toBe(true);
  expect(first.rows).toContain(6);
  expect(second.start).toBe("2099-12-24 21:30");
  expect(second.verify).toBe(undefined);
  expect(second.rows).not.toContain(6);
});

test("an import that was cancelled says which rows were done and which are left", async ({
  node,
  open,
}) => {
  const whole = node.actions["import-csv-tasks"]();
  const results = whole.results.map((one) =>
    one.status === "failed"
      ? { ...one, status: "not_done", field: null, error: null, text: "cancelled before this row" }
      : one,
  );
  node.actions["import-csv-tasks"] = () =>
    new Failure("", { ...whole, results, failed: 0, not_done: 1 });
  const frame = await open("import");
  await loadFile(frame);
  await frame.getByRole("button", { name: /^Import \d/ }).click();
  await expect(frame.getByText("The import was cancelled")).toBeVisible();
  await expect(frame.getByText("1 created · 1 not done")).toBeVisible();
  await expect(frame.locator('[data-row="2"]')).toContainText("Created");
  await expect(frame.locator('[data-row="6"]')).toContainText("Not done");
  await expect(frame.getByText("The import failed")).toHaveCount(0);
});

test("rows of which nothing became are corrected and tried again, without the file", async ({
  node,
  open,
}) => {
  const frame = await open("import");
  await loadFile(frame);
  await frame.getByRole("button", { name: /^Import \d/ }).click();
  const failed = frame.locator('[data-row="6"]');
  await expect(failed).toContainText("Failed");
  const check = node.actions["check-csv-tasks"]();
  node.actions["check-csv-tasks"] = () => ({
    ...check,
    rows: check.rows.map((one) => (one.row === 2 ? { ...one, status: "existing" } : one)),
  });
  await frame.getByRole("button", { name: "Correct 1 row and try it again" }).click();
  await expect(failed).toContainText("New");
  await expect(failed).toContainText("The remote server refused the user or the password");
  await failed.getByRole("button", { name: "Correct" }).click();
  const password = failed.getByLabel("remotepassword");
  await expect(password).toBeFocused();
  await password.fill("right");
  await password.press("Tab");
  await expect.poll(() => node.inputsOf("check-csv-tasks")).toHaveLength(3);
  await frame.getByRole("button", { name: "Import 1 row" }).click();
  await expect.poll(() => node.inputsOf("import-csv-tasks")).toHaveLength(2);
  const [first, again] = node.inputsOf("import-csv-tasks");
  expect(again).toEqual({
    ...first,
    rows: [6],
    changes: [{ row: 6, remotepassword: "right" }],
  });
});

test("an import that was left, reloaded or begun elsewhere is shown, and its result until it is dismissed", async ({
  page,
  node,
  open,
}) => {
  const whole = lastImport();
  let answer = {
    import: { ...whole, ended_at: null, total: 200, done: 1, results: [] },
    running: true,
  };
  node.actions["get-import"] = (data) => {
    answer = data?.dismiss === answer.import?.id ? { import: null, running: false } : answer;
    return answer;
  };
  let frame = await open("import");
  await expect(frame.getByText("An import is running: 1 of 200 rows").first()).toBeVisible();
  answer = { import: whole, running: false };
  await expect(frame.getByText("1 created · 1 failed")).toBeVisible();
  await page.reload();
  frame = app(page);
  await expect(frame.locator('[data-row="6"]')).toContainText(
    "The remote server refused the user or the password",
  );
  await expect(frame.locator("[data-row]")).toHaveCount(1);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    frame.getByRole("button", { name: "Download results" }).click(),
  ]);
  const lines = (await readFile(await download.path(), "utf8")).trim().split("\r\n");
  expect(lines).toHaveLength(3);
  expect(lines[1]).toContain('2,"user2","user2@x.org","Created","b1c2d3"');
  await frame.getByRole("button", { name: "Dismiss" }).click();
  await expect(frame.getByText("The last import")).toHaveCount(0);
  expect(answer.import).toBe(null);
  // Each answer stays in every tab: of one that goes on only how far it is.
  expect(node.inputsOf("get-import").every(({ brief }) => brief)).toBe(true);
});

test("an import that was cut off says how far it came", async ({ node, open }) => {
  node.actions["get-import"] = () => ({
    import: lastImport({ ended_at: null, total: 200 }),
    running: false,
  });
  const frame = await open("import");
  await expect(frame.getByText("It was cut off: 2 of 200 rows were dealt with.")).toBeVisible();
});
