/** The table of tasks: it follows the node, and never moves under the reader's eyes. */
import { readFile } from "node:fs/promises";
import { expect, test } from "../support/fixtures.js";
import {
  bulkRun,
  everyKindOfTask,
  manyTasks,
  MARKUP,
  progress,
  result,
  task,
  taskList,
} from "../support/samples.js";
import { processorTime } from "../support/spent.js";
import { Refusal } from "../support/stub-node.js";

const keys = (app) =>
  app.locator("[data-task]").evaluateAll((rows) => rows.map((row) => row.dataset.task));
const openMenu = (app, key) =>
  app.locator(`[data-task="${key}"] button[aria-haspopup=menu]`).click();

test("progress goes on by itself and the result appears", async ({ node, open }) => {
  let done = 2000;
  node.actions["list-tasks"] = () =>
    taskList([
      done < 4000
        ? task({
            state: "running",
            progress: {
              ...progress,
              ...{ messages_done: done, messages_total: 5000 },
              ...{ eta_seconds: 600, eta_least_seconds: 60 * Number(done < 3000) || 600 },
              eta_most_seconds: 600,
            },
          })
        : task({
            result: result({ messages_transferred: 5000, messages_here: 5000, bytes_here: null }),
          }),
    ]);
  const app = await open("tasks");
  // A range until the engine's figures agree.
  await expect(app.getByText("1 min to 10 min left")).toBeVisible({ timeout: 15_000 });
  done = 3000;
  await expect(app.getByText(/^3,000 \/ 5,000/)).toBeVisible({ timeout: 15_000 });
  await expect(app.getByText(/· 10 min left/)).toBeVisible();
  done = 5000;
  await expect(app.getByText("5,000 messages: all here")).toBeVisible({ timeout: 15_000 });
  expect(node.mostInFlight["list-changes"]).toBe(1);
});

test("schedules are paused for all tasks, and resumed", async ({ node, open }) => {
  let paused = false;
  node.actions["list-tasks"] = () => taskList([task({ cron: "5m" })], { schedules_paused: paused });
  node.actions["pause-schedules"] = () => ({ paused: (paused = true) });
  node.actions["resume-schedules"] = () => ((paused = false), { resumed: true });
  const app = await open("tasks");
  const notice = app.getByText("Schedules are paused", { exact: true });
  const item = app.getByRole("menuitem", { name: "Pause schedules", exact: true });
  const menu = app.getByRole("button", { name: "All tasks", exact: true });
  await menu.click();
  await item.click();
  await expect(notice).toBeVisible();
  await menu.click();
  await expect(item).toHaveAttribute("aria-disabled", "true");
  await app.getByRole("button", { name: "Resume schedules", exact: true }).click();
  await expect(notice).toBeHidden();
});

test("rows stay in their places while the node's answers change", async ({ node, open }) => {
  const tasks = [
    task({ localuser: "b", task_id: "b", state: "running", progress }),
    task({ localuser: "c", task_id: "c" }),
  ];
  node.actions["list-tasks"] = () => taskList(tasks);
  const app = await open("tasks");
  await app.getByRole("button", { name: "State" }).click();
  expect(await keys(app)).toEqual(["b_b", "c_c"]);
  tasks[0] = task({ localuser: "b", task_id: "b" });
  tasks[1] = task({ localuser: "c", task_id: "c", state: "running", progress });
  tasks.push(task({ localuser: "a", task_id: "a" }));
  const update = app.getByRole("button", { name: "The list has changed: update" });
  await expect(update).toBeVisible({ timeout: 15_000 });
  expect(await keys(app)).toEqual(["b_b", "c_c", "a_a"]);
  await update.click();
  expect(await keys(app)).toEqual(["c_c", "a_a", "b_b"]);
});

test("a lost message about the end of a task is made up for", async ({ node, open }) => {
  node.silent.add("list-changes");
  const app = await open("tasks");
  await expect(app.locator("[data-task]").first()).toBeVisible({ timeout: 20_000 });
});

test("an open menu and its focus survive a refresh", async ({ node, open }) => {
  let asked = 0;
  node.actions["list-tasks"] = () => {
    asked += 1;
    return taskList([task({ state: "running", progress: { ...progress, messages_done: asked } })]);
  };
  const app = await open("tasks");
  await openMenu(app, "anna_a0241w");
  const before = asked;
  await expect.poll(() => asked, { timeout: 15_000 }).toBeGreaterThan(before + 1);
  await expect(app.getByRole("menuitem", { name: "Stop" })).toBeFocused();
});

test("search, filter, sort and pages", async ({ node, open }) => {
  node.actions["list-tasks"] = () => taskList([...everyKindOfTask(), ...manyTasks(60)]);
  const app = await open("tasks");
  await expect(app.locator("[data-task]")).toHaveCount(10);
  await app.getByLabel("Rows per page").selectOption("50");
  await expect(app.locator("[data-task]")).toHaveCount(50);
  await app.getByRole("button", { name: "Next page" }).click();
  await expect(app.locator("[data-task]")).toHaveCount(20);
  await app.getByLabel("Search tasks").fill("USER00001 department");
  await expect(app.getByText("no tasks")).toBeVisible();
  await app.getByLabel("Search tasks").fill("ELENA");
  await expect(app.locator("[data-task]")).toHaveCount(1);
  await app.getByLabel("Search tasks").press("Escape");
  await app.getByLabel("Show", { exact: true }).selectOption("queued");
  await expect(app.locator("[data-task]").first()).toContainText("Waiting");
  await expect(app.getByText("7 tasks")).toBeVisible();
  await app.getByLabel("Show", { exact: true }).selectOption("all");
  await app.getByRole("button", { name: "Task ID" }).click();
  await app.getByRole("button", { name: "Task ID" }).click();
  const header = app.getByRole("columnheader", { name: "Task ID" });
  await expect(header).toHaveAttribute("aria-sort", "descending");
  expect((await keys(app))[0]).toBe("user00059_t00059");
});

test("selected tasks are started, stopped and deleted, and failures are told", async ({
  node,
  open,
}) => {
  const tasks = everyKindOfTask();
  node.actions["list-tasks"] = () => taskList(tasks);
  node.actions["run-tasks"] = ({ verb, tasks: asked }) => {
    if (verb === "delete") {
      for (const { localuser } of asked) {
        tasks.splice(
          tasks.findIndex((other) => other.localuser === localuser),
          1,
        );
      }
      return bulkRun({ verb, total: 2 });
    }
    const failures = [{ ...asked[1], error: "service_not_running" }];
    return bulkRun({ verb, total: 2, failed: 1, failures });
  };
  const app = await open("tasks");
  for (const name of ["dario_good01", "elena_part01"]) {
    await app.getByRole("checkbox", { name: `Select ${name}` }).check();
  }
  const batch = app.getByRole("group", { name: "Selected tasks" });
  await expect(batch).toContainText("2 selected");
  await batch.getByRole("button", { name: "Start" }).click();
  await expect(app.getByText("1 task was started")).toBeVisible();
  await expect(app.getByText("elena (part01): The synchronization service is")).toBeVisible();
  await batch.getByRole("button", { name: "Delete" }).click();
  await app.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(app.locator("[data-task]")).toHaveCount(8);
  await expect(app.getByText("2 tasks were deleted")).toBeVisible();
  const asked = [
    { localuser: "dario", task_id: "good01" },
    { localuser: "elena", task_id: "part01" },
  ];
  expect(node.inputsOf("run-tasks")).toEqual([
    { verb: "start", tasks: asked },
    { verb: "delete", tasks: asked },
  ]);
  expect(tasks).toHaveLength(8);
});

test("all rows can be selected beyond the page", async ({ node, open }) => {
  node.actions["list-tasks"] = () => taskList(manyTasks(35));
  const app = await open("tasks");
  await app.getByRole("checkbox", { name: "Select the tasks of this page" }).check();
  await app.getByRole("button", { name: "Select all 35" }).click();
  const batch = app.getByRole("group", { name: "Selected tasks" });
  await expect(batch).toContainText("35 selected");
  await app.getByRole("button", { name: "Next page" }).click();
  const left = app.getByRole("checkbox", { name: "Select user00012_t00012" });
  await expect(left).toBeChecked();
  await left.uncheck();
  await expect(batch).toContainText("34 selected");
  await batch.getByRole("button", { name: "Delete" }).click();
  const dialog = app.getByRole("dialog", { name: "Delete 34 tasks" });
  await expect(dialog).toContainText("11 of them");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await expect(app.getByText("34 tasks were deleted")).toBeVisible();
  await expect(batch).toHaveCount(0);
  expect(node.inputsOf("run-tasks")).toEqual([
    {
      verb: "delete",
      filter: {},
      except: [{ localuser: "user00012", task_id: "t00012" }],
      expected: 34,
    },
  ]);
});

test("all that a search and a filter fit are started by one call that names them so", async ({
  node,
  open,
}) => {
  node.actions["list-tasks"] = () => taskList(manyTasks(60));
  node.actions["run-tasks"] = ({ verb }) => bulkRun({ verb, total: 18 });
  const app = await open("tasks", "&state=failed&search=user");
  await expect(app.getByText("30 tasks")).toBeVisible();
  await app.getByRole("checkbox", { name: "Select the tasks of this page" }).check();
  await app.getByRole("button", { name: "Select all 30" }).click();
  await app
    .getByRole("group", { name: "Selected tasks" })
    .getByRole("button", { name: "Start" })
    .click();
  await expect(app.getByText("18 tasks were started")).toBeVisible();
  expect(node.inputsOf("run-tasks")).toEqual([
    { verb: "start", filter: { search: "user", condition: ["failed", "problems"] } },
  ]);
});

test("a list that is another one by now is not deleted, and says so", async ({ node, open }) => {
  node.actions["list-tasks"] = () => taskList(manyTasks(35));
  node.actions["run-tasks"] = () =>
    new Refusal([{ field: "expected", error: "selection_changed" }]);
  const app = await open("tasks");
  await app.getByRole("checkbox", { name: "Select the tasks of this page" }).check();
  await app.getByRole("button", { name: "Select all 35" }).click();
  await app
    .getByRole("group", { name: "Selected tasks" })
    .getByRole("button", { name: "Delete" })
    .click();
  await app.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(app.getByText("There are more or fewer such tasks by now")).toBeVisible();
});

test("the filter counts, and an answer to a search that is another by now is dropped", async ({
  node,
  open,
}) => {
  node.actions["list-tasks"] = () => taskList(manyTasks(60));
  const app = await open("tasks");
  const filter = app.getByLabel("Show", { exact: true });
  await expect(filter.locator("option", { hasText: "All (60)" })).toHaveCount(1);
  await expect(filter.locator("option", { hasText: "With errors (30)" })).toHaveCount(1);
  const ask = node.actions["list-changes"];
  let late;
  node.actions["list-changes"] = async (data) => {
    if (data.view.search === "user00001") {
      await new Promise((resolve) => (late = resolve));
    }
    return ask(data);
  };
  await app.getByLabel("Search tasks").fill("user00001");
  await expect.poll(() => late).toBeTruthy();
  await app.getByLabel("Search tasks").fill("user00002");
  // The page looks for it once the reader pauses; till then the first answer is what was asked for.
  const kept = () => Object.values(window.sessionStorage).join();
  await expect.poll(() => app.locator("#ns8-app").evaluate(kept)).toContain("user00002");
  await expect(app.locator(".im-table-scroll")).toHaveAttribute("aria-busy", "true");
  await app.locator("#ns8-app").evaluate(() => {
    window.seen = new Set();
    new MutationObserver(() => {
      for (const row of document.querySelectorAll("[data-task]")) {
        window.seen.add(row.dataset.task);
      }
    }).observe(document.body, { childList: true, subtree: true });
  });
  late();
  await expect(app.getByText("1 task", { exact: true })).toBeVisible();
  expect(await keys(app)).toEqual(["user00002_t00002"]);
  // The table went from all tasks to these, without the others in between.
  const seen = await app.locator("#ns8-app").evaluate(() => [...window.seen]);
  expect(seen).toEqual(["user00002_t00002"]);
  expect(node.mostInFlight["list-changes"]).toBe(1);
});

test("what the search hides is not selected any more", async ({ node, open }) => {
  node.actions["list-tasks"] = () => taskList(manyTasks(8));
  const app = await open("tasks");
  await app.getByRole("checkbox", { name: "Select the tasks of this page" }).check();
  const batch = app.getByRole("group", { name: "Selected tasks" });
  await expect(batch).toContainText("8 selected");
  await app.getByLabel("Search tasks").fill("user00003");
  await expect(batch).toContainText("1 selected");
  await app.getByLabel("Search tasks").fill("nobody");
  await expect(batch).toHaveCount(0);
});

test("menus and dialogs work by keyboard alone and give the focus back", async ({ page, open }) => {
  const app = await open("tasks");
  const trigger = app.locator("[data-task=elena_part01] button[aria-haspopup=menu]");
  await trigger.focus();
  await page.keyboard.press("ArrowDown");
  await expect(app.getByRole("menuitem", { name: "Start" })).toBeFocused();
  await page.keyboard.press("End");
  await expect(app.getByRole("menuitem", { name: "Delete" })).toBeFocused();
  await page.keyboard.press("Enter");
  const dialog = app.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(trigger).toBeFocused();
});

test("markup from servers and mailboxes stays text", async ({ page, node, open }) => {
  node.actions["list-tasks"] = () =>
    taskList([
      task({
        remoteusername: MARKUP,
        remotehostname: MARKUP,
        error: MARKUP,
        result: result({ messages_failed: 1 }),
      }),
    ]);
  const app = await open("tasks");
  await expect(app.locator("[data-task]")).toContainText(MARKUP);
  await app.getByRole("button", { name: "1 message not copied" }).click();
  await expect(app.getByRole("dialog")).toContainText(`NO ${MARKUP}`);
  expect(await app.locator("img").count()).toBe(0);
  expect(await page.evaluate(() => window.hacked)).toBeUndefined();
});

test("the list of failures can be opened in a spreadsheet without harm", async ({ page, open }) => {
  const app = await open("tasks");
  await app.getByRole("button", { name: "3 messages not copied" }).click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    app.getByRole("button", { name: "Download as CSV" }).click(),
  ]);
  const text = await readFile(await download.path(), "utf8");
  expect(text).toContain(`"'=HYPERLINK(""http://example.org"") ${MARKUP.replaceAll('"', '""')}"`);
  expect(text.trim().split("\r\n")).toHaveLength(4);
});

test("two thousand tasks stay usable", async ({ page, node, open }) => {
  const answer = taskList(manyTasks(2000));
  node.actions["list-tasks"] = () => answer;
  const app = await open("tasks");
  await expect(app.getByText("2,000 tasks")).toBeVisible();
  await app.getByLabel("Rows per page").selectOption("100");
  await expect(app.locator("[data-task]")).toHaveCount(100);
  const spent = await processorTime(page);
  const before = await spent();
  const typed = "user0123";
  await app.locator("#im-search").pressSequentially(typed);
  await expect(app.getByText("10 tasks", { exact: true })).toBeVisible();
  const took = ((await spent()) - before) / typed.length;
  test.info().annotations.push({ type: "a key", description: `${Math.round(took)} ms` });
  expect(took).toBeLessThan(150);
  expect(node.mostInFlight["list-changes"]).toBe(1);
  await page.close();
});
