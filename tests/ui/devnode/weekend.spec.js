/**
 * Two hundred mailboxes moved over a weekend: imported from what a spreadsheet writes, with mistakes in it, and started
 * together. Meanwhile the tab is closed, another browser looks, the service is restarted, its container killed, and the
 * node goes down and comes up again. At the end every task has run to its end, once, and every message is there, once.
 * One story: each test goes on where the one before ended.
 */
import { expect, test } from "@playwright/test";
import { ADMIN, Devnode } from "../support/devnode.js";
import { app, expectAccessible, shoot, watch } from "../support/fixtures.js";

const ROWS = 200;
/** Rows (of the file, the header is the first) whose remote password is wrong, and whose local user nobody knows. */
const WRONG = [12, 35, 58, 81, 104, 127, 150, 173];
const UNKNOWN = [20, 90, 160];
const GOOD = ROWS - WRONG.length - UNKNOWN.length;
/** Messages of each remote account. */
const MESSAGES = 6;
const MINUTES = 60_000;

let node, instance, browser;
/** Faults of each browser that looked. */
const faults = [];
const contexts = [];
/** Local users, and the remote accounts that each of them is given. */
const given = new Map();

/** Another browser, logged in, at a page of the module. */
async function lookFromElsewhere(name) {
  const context = await browser.newContext({
    locale: "en-US",
    viewport: { width: 1440, height: 900 },
  });
  contexts.push(context);
  const page = await context.newPage();
  faults.push(watch(page, node.origin));
  await page.goto(`${node.origin}/cluster-admin/#/apps/${instance}?page=${name}`);
  await page.getByLabel("Username").fill(ADMIN.username);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Password").fill(ADMIN.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(app(page).locator("h2").first()).toBeVisible();
  return page;
}

const counts = () => node.action(instance, "get-task-counts");
const ended = async () => (await node.action(instance, "get-statistics")).week.runs;

/** Waits until so many runs have ended, so that what happens next happens in the middle. */
async function untilEnded(runs) {
  await expect.poll(ended, { timeout: 5 * MINUTES, intervals: [500] }).toBeGreaterThanOrEqual(runs);
  expect(await ended()).toBeLessThan(GOOD);
}

/** Nothing that waited is forgotten: all that have not ended run, or wait for their turn. */
async function expectNothingForgotten() {
  await expect
    .poll(
      async () => {
        const { running, queued } = await counts();
        return running + queued + (await ended());
      },
      { timeout: 2 * MINUTES },
    )
    .toBeGreaterThanOrEqual(GOOD);
}

/** What a spreadsheet writes where the comma is the decimal sign. */
function table() {
  const { remote, local } = node.accounts;
  const users = Object.keys(local.passwords).slice(-10);
  const accounts = Object.keys(remote.passwords).filter((user) => /^r\d/.test(user));
  const quote = (text) => `"${text.replaceAll('"', '""')}"`;
  const lines = ["localusername;remoteusername;remotepassword;remotehostname;remoteport;security"];
  for (let n = 0; n < ROWS; n += 1) {
    const number = n + 2;
    const [user, account] = [users[n % 10], accounts[Math.floor(n / 10)]];
    const localuser = UNKNOWN.includes(number) ? `nobody${number}` : user;
    const password = WRONG.includes(number) ? "not this one" : remote.passwords[account];
    lines.push([localuser, account, quote(password), remote.host, "143", "tls"].join(";"));
    if (localuser === user && !WRONG.includes(number)) {
      given.set(user, [...(given.get(user) ?? []), account]);
    }
  }
  return `\uFEFF${lines.join("\r\n")}\r\n`;
}

test.describe("a weekend", { tag: "@slow" }, () => {
  test.describe.configure({ mode: "serial" });

  test.beforeAll(async ({ browser: one }) => {
    test.setTimeout(4 * MINUTES);
    browser = one;
    node = new Devnode();
    await node.fillInboxes(MESSAGES);
    instance = await node.addModule();
    const { mail_server_URL: servers } = await node.action(instance, "get-configuration");
    const [server, host] = servers[0].value.split(",");
    await node.action(instance, "configure-module", { mail_server: server, mail_host: host });
  });

  test.afterAll(async () => {
    test.setTimeout(2 * MINUTES);
    await Promise.all(contexts.map((context) => context.close()));
    if (instance) {
      await node.removeModule(instance);
    }
  });

  test("a file with semicolons is checked, imported without its tab, and told in another browser", async () => {
    test.setTimeout(6 * MINUTES);
    const page = await lookFromElsewhere("import");
    const frame = app(page);
    await frame.locator("input[type=file]").setInputFiles({
      name: "users.csv",
      mimeType: "text/csv",
      buffer: Buffer.from(table()),
    });
    const counted = `${ROWS - UNKNOWN.length} new · ${UNKNOWN.length} invalid`;
    await expect(frame.getByText(counted)).toBeVisible({ timeout: MINUTES });
    await shoot(page, "weekend-checked", { folder: "devnode" });
    await frame.getByText("Not now: by hand or by their schedule", { exact: true }).click();
    await frame.getByRole("button", { name: `Import ${ROWS - UNKNOWN.length} rows` }).click();
    await expect(frame.getByRole("progressbar")).toBeVisible();
    await expect.poll(async () => (await counts()).total, { timeout: MINUTES }).toBeGreaterThan(0);
    await page.close();
    const other = await lookFromElsewhere("import");
    await expect(app(other).getByText(`${GOOD} created · ${WRONG.length} failed`)).toBeVisible({
      timeout: 4 * MINUTES,
    });
    await expect(app(other).getByText("refused the user or the password").first()).toBeVisible();
    await shoot(other, "weekend-imported", { folder: "devnode" });
    expect(await counts()).toMatchObject({ total: GOOD, never: GOOD, running: 0, queued: 0 });
  });

  test("all are started by one call, and the tab is closed at once", async () => {
    const page = await lookFromElsewhere("tasks");
    const frame = app(page);
    await frame.getByRole("checkbox", { name: "Select the tasks of this page" }).check();
    const batch = frame.getByRole("group", { name: "Selected tasks" });
    await batch.getByRole("button", { name: `Select all ${GOOD}` }).click();
    await batch.getByRole("button", { name: "Start" }).click();
    await expect
      .poll(async () => (await counts()).running, { timeout: MINUTES })
      .toBeGreaterThan(0);
    await page.close();
    await expectNothingForgotten();
    const other = await lookFromElsewhere("tasks");
    await expect(app(other).getByText(`${GOOD} tasks were started`)).toBeVisible({
      timeout: MINUTES,
    });
    await shoot(other, "weekend-started", { folder: "devnode" });
  });

  for (const [part, what, interrupt] of [
    [0.15, "a restart of the service", () => node.service(instance, "restart")],
    [0.35, "the death of every process of the container", () => node.killContainer(instance)],
    [0.55, "a node that goes down and comes up", () => node.reboot()],
  ]) {
    test(`the queue goes on after ${what}`, async () => {
      test.setTimeout(6 * MINUTES);
      await untilEnded(Math.floor(GOOD * part));
      await interrupt();
      await expectNothingForgotten();
      const { running, queued } = await counts();
      expect(running + queued).toBeGreaterThan(0);
    });
  }

  test("every task has run to its end once, and every message is there once", async () => {
    test.setTimeout(7 * MINUTES);
    const page = await lookFromElsewhere("tasks");
    const frame = app(page);
    await expect
      .poll(
        async () => {
          const { running, queued } = await counts();
          return running + queued;
        },
        { timeout: 5 * MINUTES, intervals: [1000] },
      )
      .toBe(0);
    expect(await counts()).toMatchObject({ total: GOOD, failed: 0, never: 0 });
    await frame.getByLabel("Show", { exact: true }).selectOption("done");
    await expect(frame.getByText(`${GOOD} tasks`, { exact: true })).toBeVisible({
      timeout: MINUTES,
    });
    await expect(frame.getByText("6 messages").first()).toBeVisible();
    await shoot(page, "weekend-done", { folder: "devnode" });
    await expectAccessible(page, "weekend");
    // The runs that ended, by task, and the pairs that the journals hold.
    const runs = await node.endedRuns(instance);
    expect(Object.keys(runs)).toHaveLength(GOOD);
    expect(Object.entries(runs).filter(([, codes]) => codes.join() !== "0")).toEqual([]);
    expect(await node.journalled(instance)).toBe(GOOD * MESSAGES);
    const held = await node.subjectsOf([...given.keys()]);
    for (const [user, accounts] of given) {
      const expected = accounts.flatMap((account) =>
        Array.from({ length: MESSAGES }, (_, n) => `${account} ${n}`),
      );
      expect(held[user], user).toEqual(expected.sort());
    }
  });

  test("no browser has seen an error in its console, or another host", () => {
    // A page that is open while the node goes down cannot reach it.
    const lost = /ERR_CONNECTION|WebSocket|ERR_EMPTY_RESPONSE|502|503/;
    expect(faults.flat().filter((fault) => !lost.test(fault))).toEqual([]);
  });
});
