/**
 * An administrator's whole work, against real mail servers: log in, configure, create tasks, watch them, import many,
 * and what one sees when something is wrong. One story: each test goes on where the one before ended.
 */
import { readFile } from "node:fs/promises";
import { expect, test } from "@playwright/test";
import { ADMIN, Devnode } from "../support/devnode.js";
import { app, expectAccessible, shoot, watch } from "../support/fixtures.js";

const REMOTE_USER = "r01@example.net";
const MARKUP_FOLDER = "<img src=x onerror=alert(1)>";
const MESSAGES = 1500;

test.describe.configure({ mode: "serial" });

/** 6 MB of messages take some twenty seconds. */
const SLOW_BITS_PER_SECOND = 2_500_000;

let node, instance, line, page, faults;
const bodies = [];

test.beforeAll(async ({ browser }) => {
  test.setTimeout(240_000);
  node = new Devnode();
  await node.remote("fill", "--user", REMOTE_USER, "--count", String(MESSAGES), "--no-attachments");
  await node.remoteFolder(REMOTE_USER, MARKUP_FOLDER);
  for (const user of ["u1", "u2"]) {
    await node.emptyLocal(user);
  }
  line = await node.slowLine(SLOW_BITS_PER_SECOND);
  instance = await node.addModule();
  const context = await browser.newContext({
    locale: "en-US",
    viewport: { width: 1440, height: 900 },
    acceptDownloads: true,
  });
  page = await context.newPage();
  faults = watch(page, node.origin);
  page.on("response", async (response) => {
    if (response.url().includes("/api/")) {
      bodies.push(await response.text().catch(() => ""));
    }
  });
  page.on("websocket", (socket) =>
    socket.on("framereceived", ({ payload }) => bodies.push(String(payload))),
  );
});

test.afterAll(async () => {
  await page?.context().close();
  line?.close();
  if (instance) {
    await node.removeModule(instance);
  }
});

async function open(name, query = "") {
  await page.goto(`${node.origin}/cluster-admin/#/apps/${instance}?page=${name}${query}`);
  await expect(app(page).locator("h2").first()).toBeVisible();
  return app(page);
}

const picture = (name) => shoot(page, name, { folder: "devnode" });

async function fillAccount(frame, { user, password, host, encryption = "STARTTLS (port 143)" }) {
  await frame.getByLabel("Remote user", { exact: true }).fill(user);
  await frame.getByLabel("Remote password", { exact: true }).fill(password);
  await frame.getByLabel("IMAP server", { exact: true }).fill(host);
  await frame.getByText(encryption, { exact: true }).click();
}

const row = (frame, text) => frame.locator("[data-task]").filter({ hasText: text });

async function chooseAction(frame, text, action) {
  await row(frame, text).locator("button[aria-haspopup=menu]").click();
  await frame.getByRole("menuitem", { name: action, exact: true }).click();
}

test("the login refuses a wrong password, then lets in", async () => {
  await page.goto(`${node.origin}/cluster-admin/#/apps/${instance}?page=status`);
  for (const password of ["wrong", ADMIN.password]) {
    await page.getByLabel("Username").fill(ADMIN.username);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Log in" }).click();
    if (password === "wrong") {
      await expect(page.getByRole("alert")).toContainText("Incorrect username or password");
    }
  }
  await expect(app(page).getByRole("heading", { name: "Status" })).toBeVisible();
  // The browser itself reports the refused login.
  expect(faults.splice(0)).toEqual([expect.stringContaining("401")]);
});

test("a new instance says what is missing and leads to the settings", async () => {
  const frame = await open("tasks");
  await expect(frame.getByText("No mail server is set")).toBeVisible();
  await picture("first-tasks");
  await open("status");
  await expect(frame.getByText("Imapsync is not configured yet")).toBeVisible();
  await picture("first-status");
  await frame.getByRole("button", { name: "Go to settings" }).click();
  await expect(frame.getByRole("heading", { name: "Settings" })).toBeVisible();
  await expect(page).toHaveURL(/page=settings/);
});

test("configuring binds the mail server", async () => {
  const frame = app(page);
  await frame.getByLabel("Mail server").first().click();
  await frame.getByRole("option", { name: /mail1/ }).click();
  await frame.getByLabel("Tasks at the same time").fill("0");
  await frame.getByRole("button", { name: "Save" }).click();
  await expect(frame.getByText("Enter a whole number from 1 to 64")).toBeVisible();
  await frame.getByLabel("Tasks at the same time").fill("2");
  // The remote servers are on this machine, and the slow line to them listens at any port.
  await frame.getByLabel("Allowed servers inside the cluster").fill(node.accounts.remote.host);
  await frame.getByRole("button", { name: "Save" }).click();
  await expect(frame.getByText("Settings saved")).toBeVisible({ timeout: 60_000 });
  await picture("settings-saved");
  await frame.getByRole("button", { name: "Go to tasks" }).click();
  await expect(frame.getByText("No tasks")).toBeVisible();
  await picture("tasks-empty");
});

test("the connection test tells a wrong password, an unknown server and an unknown certificate", async () => {
  const frame = await open("task");
  const { remote } = node.accounts;
  await fillAccount(frame, { user: REMOTE_USER, password: "wrong", host: remote.host });
  const testButton = frame.getByRole("button", { name: "Test connection" });
  await testButton.click();
  await expect(frame.getByText("The remote server refused the user or the password")).toBeVisible({
    timeout: 30_000,
  });
  await picture("test-wrong-password");

  await frame.getByLabel("IMAP server", { exact: true }).fill(remote.free_host);
  await testButton.click();
  await expect(frame.getByText("No IMAP server answers at this address and port")).toBeVisible({
    timeout: 30_000,
  });

  await fillAccount(frame, {
    user: REMOTE_USER,
    password: remote.passwords[REMOTE_USER],
    host: remote.host,
  });
  await frame.getByLabel("IMAP TCP port").fill(String(line.port));
  await testButton.click();
  await expect(frame.getByText("The login works")).toBeVisible({ timeout: 30_000 });
  await expect(frame.getByText("SHA-256 fingerprint")).toBeVisible();
  await picture("test-certificate");
  await frame.getByRole("button", { name: "Trust this certificate" }).click();
  await expect(frame.getByText(/Only this certificate is accepted/)).toBeVisible();
});

test("folders are chosen from the live account; markup in a name stays text", async () => {
  const frame = app(page);
  await frame.getByText("All except selected", { exact: true }).click();
  await frame.getByRole("button", { name: "Load the folders of the account" }).click();
  const folder = frame.getByRole("checkbox", { name: MARKUP_FOLDER });
  await expect(folder).toBeVisible({ timeout: 30_000 });
  await folder.check();
  await expect(frame.locator("img[src=x]")).toHaveCount(0);
  await expect(frame.getByText(/^1 of \d+ folders is left out/)).toBeVisible();
  await picture("task-folders");
  await expectAccessible(page, "folder tree");
});

test("a user without mailbox is refused at its field", async () => {
  const frame = app(page);
  await frame.getByRole("combobox", { name: "Local user" }).fill("nobody");
  await frame.getByRole("button", { name: "Create task", exact: true }).click();
  await expect(frame.getByText("The mail server has no mailbox for this user")).toBeVisible({
    timeout: 60_000,
  });
  await expect(frame.getByRole("combobox", { name: "Local user" })).toBeFocused();
  await picture("task-refused");
});

test("a created task runs, shows its live progress and its result", async () => {
  const frame = app(page);
  await frame.getByRole("combobox", { name: "Local user" }).fill("u1");
  await frame.getByRole("option", { name: "u1", exact: true }).click();
  await frame.getByRole("button", { name: "Create task", exact: true }).click();
  await expect(frame.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible({
    timeout: 60_000,
  });
  const task = row(frame, REMOTE_USER);
  await expect(task).toContainText("Running", { timeout: 30_000 });
  await expect(task.getByRole("progressbar")).toHaveAttribute("aria-valuenow", /\d/, {
    timeout: 60_000,
  });
  await picture("task-running");
  await expect(task).toContainText("Done", { timeout: 120_000 });
  await expect(task).toContainText(/[\d,]+ messages(, [\d.]+ \w+)?: all here \([\d,]+ new, /);
  await picture("task-success");
});

test("information compares both sides, the log can be searched and downloaded", async () => {
  const frame = app(page);
  await chooseAction(frame, REMOTE_USER, "Information");
  const dialog = frame.getByRole("dialog");
  await expect(dialog.getByRole("rowheader", { name: "Messages" })).toBeVisible({
    timeout: 60_000,
  });
  await expect(dialog.getByRole("row", { name: /^Messages/ })).toContainText(
    MESSAGES.toLocaleString("en-US"),
  );
  await picture("task-information");
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(row(frame, REMOTE_USER).locator("button[aria-haspopup=menu]")).toBeFocused();

  await chooseAction(frame, REMOTE_USER, "Log");
  await expect(dialog.locator("pre")).toContainText("Exiting with return value 0");
  await dialog.getByLabel("Search in the log").fill("Messages transferred");
  await expect(dialog.locator("mark").first()).toHaveText("Messages transferred");
  await picture("task-log");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    dialog.getByRole("button", { name: "Download" }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/^imapsync_u1_[a-z0-9]{6}_\d{8}_\d{4}\.log$/);
  await dialog.getByRole("button", { name: "Close" }).click();
});

test("an edited task keeps its password and gets its schedule", async () => {
  const frame = app(page);
  await chooseAction(frame, REMOTE_USER, "Edit");
  await expect(frame.getByRole("heading", { name: "Edit task" })).toBeVisible();
  await expect(frame.getByLabel("Remote password", { exact: true })).toHaveValue("");
  await frame.getByText("Run at a fixed interval in hours", { exact: true }).click();
  await frame.getByRole("spinbutton", { name: "Hours" }).fill("30");
  await frame.getByRole("button", { name: "Save" }).click();
  await expect(frame.getByText("Enter a whole number from 1 to 23")).toBeVisible();
  await frame.getByRole("spinbutton", { name: "Hours" }).fill("6");
  await picture("task-edit");
  await frame.getByRole("button", { name: "Save" }).click();
  await expect(row(frame, REMOTE_USER)).toContainText("Every 6 hours", { timeout: 60_000 });
  await expect(row(frame, REMOTE_USER)).toContainText("Done", { timeout: 60_000 });
});

test("a duplicate runs for another user and can be stopped", async () => {
  const frame = app(page);
  await chooseAction(frame, REMOTE_USER, "Duplicate");
  await frame.getByRole("combobox", { name: "Local user" }).fill("u2");
  await frame
    .getByLabel("Remote password", { exact: true })
    .fill(node.accounts.remote.passwords[REMOTE_USER]);
  await frame.getByRole("button", { name: "Create task", exact: true }).click();
  const copy = frame.locator("[data-task^=u2_]");
  await expect(copy).toContainText("Running", { timeout: 60_000 });
  await chooseAction(frame, "u2", "Stop");
  await expect(copy).toContainText("Stopped by you", { timeout: 30_000 });
  await chooseAction(frame, "u2", "Delete");
  await frame.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await expect(copy).toHaveCount(0);
});

test("messages that did not arrive are listed with reason and remedy", async () => {
  const frame = app(page);
  const task = row(frame, REMOTE_USER);
  await node.remote("deliver", "--user", REMOTE_USER);
  node.takesMail("u1", false);
  try {
    await chooseAction(frame, REMOTE_USER, "Start");
    await task.getByRole("button", { name: "1 message not copied" }).click({ timeout: 90_000 });
  } finally {
    node.takesMail("u1", true);
  }
  const dialog = frame.getByRole("dialog");
  await expect(dialog.getByRole("row")).toHaveCount(2);
  await expect(dialog).toContainText("INBOX");
  await expect(dialog).toContainText("The server said:");
  await picture("task-failures");
  await expectAccessible(page, "failures");
  await page.keyboard.press("Escape");
  await chooseAction(frame, REMOTE_USER, "Start");
  await expect(task).toContainText("1 new,", { timeout: 90_000 });
});

test("fifty rows are imported, three of them bad, one corrected", async () => {
  const { remote, local } = node.accounts;
  const users = Object.keys(local.passwords);
  const accounts = Object.keys(remote.passwords).filter(
    (user) => user.startsWith("r") && user !== REMOTE_USER,
  );
  const quote = (text) => `"${text.replaceAll('"', '""')}"`;
  const lines = ["localusername,remoteusername,remotepassword,remotehostname,remoteport,security"];
  for (let n = 0; lines.length <= 50; n += 1) {
    const account = accounts[n % accounts.length];
    const user = users[Math.floor(n / accounts.length) + 1];
    lines.push(
      [user, account, quote(remote.passwords[account]), remote.host, "143", "tls"].join(","),
    );
  }
  lines[5] = lines[5].replace(",143,", ",no port,");
  lines[9] = lines[9].replace(/,tls$/, ",magic");
  lines[20] = lines[20].replace(/^[^,]+/, "");
  const frame = await open("import");
  await frame.locator("input[type=file]").setInputFiles({
    name: "users.csv",
    mimeType: "text/csv",
    buffer: Buffer.from(lines.join("\r\n")),
  });
  await expect(frame.getByText("47 new · 3 invalid")).toBeVisible({ timeout: 30_000 });
  await picture("import-checked");
  await expectAccessible(page, "import");
  const bad = frame.locator("[data-row='6']");
  await bad.getByRole("button", { name: "Correct" }).click();
  await bad.getByLabel("remoteport").fill("143");
  await bad.getByLabel("remoteport").press("Tab");
  await expect(frame.getByText("48 new · 2 invalid")).toBeVisible({ timeout: 30_000 });
  await frame.locator("[data-row='3']").getByRole("checkbox").uncheck();
  await frame.getByRole("button", { name: "Import 47 rows" }).click();
  await expect(frame.getByRole("progressbar")).toBeVisible();
  await picture("import-running");
  await expect(frame.getByText("47 created")).toBeVisible({ timeout: 150_000 });
  await picture("import-done");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    frame.getByRole("button", { name: "Download results" }).click(),
  ]);
  const results = await readFile(await download.path(), "utf8");
  expect(results.trim().split("\r\n")).toHaveLength(51);
  await frame.getByRole("button", { name: "Go to tasks" }).click();
  await expect(frame.getByText("48 tasks")).toBeVisible({ timeout: 30_000 });
});

test("many tasks are stopped, started and deleted together", async () => {
  const frame = app(page);
  await frame.getByLabel("Search tasks").fill("r02@example.net");
  const found = frame.locator("[data-task]");
  const count = 2;
  await expect(found).toHaveCount(count);
  await frame.getByRole("checkbox", { name: "Select the tasks of this page" }).check();
  const batch = frame.getByRole("group", { name: "Selected tasks" });
  await batch.getByRole("button", { name: "Stop" }).click();
  for (let n = 0; n < count; n += 1) {
    await expect(found.nth(n)).not.toContainText(/Running|Waiting/, { timeout: 60_000 });
  }
  await batch.getByRole("button", { name: "Start" }).click();
  await expect(frame.getByText("2 tasks were started")).toBeVisible({ timeout: 60_000 });
  await batch.getByRole("button", { name: "Delete" }).click();
  const dialog = frame.getByRole("dialog");
  await expect(dialog).toContainText("Nothing happens to mail");
  await picture("tasks-delete");
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(frame.getByText("No results")).toBeVisible({ timeout: 60_000 });
  await frame.getByRole("button", { name: "Show all tasks" }).click();
  await frame.getByRole("button", { name: "All tasks", exact: true }).click();
  await frame.getByRole("menuitem", { name: "Stop all tasks" }).click();
  await frame.getByLabel("Show", { exact: true }).selectOption("running");
  await expect(async () => {
    // Rows that stopped stay in their places until the list is brought up to date.
    await frame.getByRole("button", { name: "Refresh" }).click();
    await expect(frame.locator("[data-task]")).toHaveCount(0, { timeout: 5_000 });
  }).toPass({ timeout: 120_000 });
  await frame.getByLabel("Show", { exact: true }).selectOption("all");
});

test("with Mail down the page says so and still shows the tasks", async () => {
  await node.mail("stop");
  try {
    const frame = await open("tasks");
    await frame.getByLabel("Search tasks").fill(REMOTE_USER);
    await expect(row(frame, REMOTE_USER)).toBeVisible();
    await chooseAction(frame, REMOTE_USER, "Start");
    await expect(row(frame, REMOTE_USER)).toContainText("could not be reached", {
      timeout: 90_000,
    });
    await picture("mail-down");
    await open("task", "");
    await frame.getByRole("combobox", { name: "Local user" }).fill("u2");
    const { remote } = node.accounts;
    await fillAccount(frame, {
      user: "r03@example.net",
      password: remote.passwords["r03@example.net"],
      host: remote.host,
    });
    await frame.getByRole("button", { name: "Create task", exact: true }).click();
    await expect(frame.getByText("The mail server does not answer").first()).toBeVisible({
      timeout: 60_000,
    });
    await picture("mail-down-create");
  } finally {
    await node.mail("start");
  }
});

test("status and about tell what runs", async () => {
  const frame = await open("status");
  await expect(frame.getByText("Running", { exact: true })).toBeVisible();
  await expect(frame.getByText("mail1 (mail.example.org)")).toBeVisible();
  await expect(frame.getByRole("img", { name: /Mail moved/ })).toBeVisible();
  await picture("status");
  await expectAccessible(page, "status");
  await open("about");
  await expect(frame.getByText("ghcr.io/nethserver/imapsync")).toBeVisible();
  await picture("about");
});

test("no console error, no other host, no password in any reply", () => {
  expect(faults).toEqual([]);
  expect(bodies.length).toBeGreaterThan(50);
  // The documents' example accounts have the password "password", which is also the name of a member.
  const known = [ADMIN.password, "password"];
  for (const password of node.passwords().filter((text) => !known.includes(text))) {
    const escaped = JSON.stringify(password).slice(1, -1);
    expect(bodies.filter((body) => body.includes(password) || body.includes(escaped))).toEqual([]);
  }
});
