/** Projects: what is sent, how far a wave is, what wants attention, and the files that one takes away. */
import { readFileSync } from "node:fs";
import { expect, expectAccessible, shoot, test } from "../support/fixtures.js";
import { MARKUP } from "../support/samples.js";
import { Refusal } from "../support/stub-node.js";

const wave = {
  project: "wave1",
  stage: "pre-stage",
  cron: "22:00",
  before_days: 90,
  jobs: 4,
  paused: false,
  title: "Sales",
  tasks: 60,
  error: null,
};
const others = [
  {
    ...wave,
    project: "wave2",
    stage: "prepared",
    cron: "",
    title: "",
    tasks: 0,
    paused: true,
  },
  { ...wave, project: "old", tasks: 3, error: "the file is damaged" },
];
const result = { ended_at: 1795244400, error: null };
const ran = {
  started_at: 1795068000,
  ended_at: 1795068300,
  stage: "pre-stage",
  messages_transferred: 0,
  messages_failed: 0,
  bytes_transferred: 60_000_000,
};
const mailbox = {
  localuser: "anna",
  task_id: "a0241w",
  remoteusername: "anna@example.org",
  condition: "done",
  progress: null,
  state: "pre_staged",
  verified: {
    at: 1795240800,
    checked: 2800,
    equal: 2798,
    differences: 2,
    exit_code: 121,
    method: "content",
  },
  audit: {
    at: 1,
    folders: 12,
    messages: 3000,
    bytes: 65_000_000,
    messages_there: 0,
    bytes_there: 0,
    limit_bytes: 50_000_000,
    too_large: 2,
    renamed: [{ source: "Jobs.2024", destination: "Jobs_2024" }],
    renamed_total: 1,
    impossible: [MARKUP],
    days: 3,
  },
  result,
  runs: [
    { ...ran, exit_code: 0, error: null, messages_transferred: 2800, messages_failed: 0 },
    { ...ran, started_at: 1795154400, exit_code: 161, error: "authentication" },
  ],
};
const facts = {
  project: { ...wave, schedule: "22:00" },
  mailboxes_total: 60,
  mailboxes_complete: 43,
  running: 0,
  waiting: 0,
  bytes_done: 412_000_000_000,
  bytes_total: 600_000_000_000,
  not_counted: 0,
  bytes_per_second: 4_200_000,
  ends_between: [1795250000, 1795253600],
  states: {
    sign_in: 2,
    checked: 15,
    pre_staged: 43,
    in_step: 0,
    final_pass: 0,
    verified: 0,
    closed: 0,
    failed: 0,
    parked: 0,
  },
  attention: [
    {
      reason: "authentication",
      count: 2,
      tasks: [
        { localuser: "bob", task_id: "b" },
        { localuser: MARKUP, task_id: "c" },
      ],
    },
    {
      reason: "messages_failed",
      count: 1,
      tasks: [{ localuser: "eve", task_id: "e" }],
    },
  ],
  mailboxes_found: 60,
  mailboxes: [
    mailbox,
    {
      ...mailbox,
      localuser: MARKUP,
      task_id: "c",
      state: "sign_in",
      audit: null,
      result: null,
      verified: null,
      runs: [],
    },
  ],
};

test.beforeEach(({ node }) => {
  node.actions["list-projects"] = () => ({ projects: [wave, ...others] });
  node.actions["get-project"] = ({ state }) => {
    const mailboxes = facts.mailboxes.filter((one) => !state || one.state === state);
    return { ...facts, mailboxes, mailboxes_found: state ? mailboxes.length : 60 };
  };
});

test("projects are listed, and one is opened by its address", async ({ page, open }) => {
  const app = await open("projects");
  await expect(app.getByRole("cell", { name: "Older mail first" })).toBeVisible();
  await expect(app.getByText("Its file is damaged")).toBeVisible();
  await expect(app.getByText("(paused)")).toBeVisible();
  await shoot(page, "projects");
  await expectAccessible(page, "projects");
  await app.getByRole("button", { name: "Open project wave1" }).click();
  await expect(app.getByText("43 of 60 mailboxes")).toBeVisible();
  await expect.poll(() => page.url()).toContain("project=wave1");
  await page.reload();
  await expect(app.getByText("43 of 60 mailboxes")).toBeVisible();
});

test("a project tells how far it is and what wants attention, and foreign names stay text", async ({
  page,
  open,
}) => {
  const app = await open("projects", "&project=wave1");
  await expect(app.getByText("GiB of", { exact: false })).toBeVisible();
  await expect(app.getByText("ends between", { exact: false })).toBeVisible();
  await expect(app.getByText("Login refused: 2")).toBeVisible();
  await expect(app.getByText("Some messages did not arrive")).toBeVisible();
  await expect(app.getByText(`bob, ${MARKUP}`, { exact: false })).toBeVisible();
  await shoot(page, "project");
  await expectAccessible(page, "project");
  expect(await page.evaluate(() => window.hacked)).toBeUndefined();
});

test("all of a project, or those with one reason, are started, verified, counted", async ({
  node,
  open,
}) => {
  node.actions["run-tasks"] = ({ verb }) => ({ verb, done: 60, failed: 1 });
  node.actions["audit-project"] = () => ({
    audited: 59,
    failed: [{ localuser: "bob", task_id: "b" }],
  });
  const app = await open("projects", "&project=wave1");
  await app.getByRole("button", { name: "Start all" }).click();
  await expect(app.getByText("59 mailboxes were started.")).toBeVisible();
  await app.getByRole("button", { name: "Verify all" }).click();
  const dialog = app.getByRole("dialog", { name: "Verify 60 mailboxes" });
  await dialog.getByText("By content", { exact: true }).click();
  await dialog.getByRole("button", { name: "Verify", exact: true }).click();
  await expect(app.getByText("59 verifications were started.")).toBeVisible();
  await app.getByRole("button", { name: "Try again: A server refused the login" }).click();
  await expect(app.getByText("59 mailboxes were started.")).toBeVisible();
  await app.getByRole("button", { name: "Count mailboxes" }).click();
  await expect(app.getByText("59 mailboxes were counted, 1 could not be.")).toBeVisible();
  expect(node.inputsOf("run-tasks")).toEqual([
    { verb: "start", filter: { project: "wave1" } },
    { verb: "verify", filter: { project: "wave1" }, method: "content" },
    { verb: "start", tasks: facts.attention[0].tasks },
  ]);
});

test("a count of a state shows its mailboxes, and a mailbox its history and what was verified", async ({
  page,
  node,
  open,
}) => {
  const app = await open("projects", "&project=wave1");
  await expect(app.getByText("4 MiB a second", { exact: false })).toBeVisible();
  await expect(app.getByText(/by content: 2,798 of 2,800 equal, 2 exceptions/)).toBeVisible();
  await app.getByRole("button", { name: "Login refused: 2" }).click();
  await expect(app.getByText("Login refused: 1")).toBeVisible();
  await expect(app.getByRole("cell", { name: /^anna/ })).toHaveCount(0);
  expect(node.inputsOf("get-project").at(-1).state).toBe("sign_in");
  await app.getByRole("button", { name: "All mailboxes" }).click();
  await expect(
    app.getByText(
      "2 over the size limit · 1 folders renamed · 1 folders cannot be copied · 3 days",
    ),
  ).toBeVisible();
  await app.getByRole("button", { name: "History of anna" }).click();
  const dialog = app.getByRole("dialog", { name: "History" });
  await expect(dialog.getByText("Jobs.2024 → Jobs_2024")).toBeVisible();
  await expect(dialog.getByText(MARKUP)).toBeVisible();
  await expect(dialog.getByRole("row", { name: /All arrived/ })).toContainText("2,800");
  await expect(dialog.getByRole("row")).toHaveCount(3);
  await expect(dialog.getByRole("row").nth(1)).toContainText("A server refused the login");
  await shoot(page, "mailbox-history");
  await expectAccessible(page, "mailbox-history");
});

test("the reports of a project and of a mailbox are files", async ({ page, node, open }) => {
  node.actions["get-report"] = ({ project, localuser, format }) => ({
    file_name: `${project ?? localuser}.${format}`,
    media_type: "text/html",
    content: "<p>all here</p>",
  });
  const app = await open("projects", "&project=wave1");
  for (const [button, name] of [
    ["Report as CSV", "wave1.csv"],
    ["Report of anna", "anna.html"],
  ]) {
    const coming = page.waitForEvent("download");
    await app.getByRole("button", { name: button }).click();
    const file = await coming;
    expect(file.suggestedFilename()).toBe(name);
    expect(readFileSync(await file.path(), "utf8")).toBe("<p>all here</p>");
  }
  await app.getByText("Name messages by subject in reports (JSON always has the subjects)").click();
  const coming = page.waitForEvent("download");
  await app.getByRole("button", { name: "Report as JSON" }).click();
  expect((await coming).suggestedFilename()).toBe("wave1.json");
  expect(node.inputsOf("get-report")[2]).toEqual({
    ...{ project: "wave1", format: "json", language: "en", subjects: true },
  });
  expect(node.inputsOf("get-report")[1]).toEqual({
    localuser: "anna",
    task_id: "a0241w",
    format: "html",
    language: "en",
  });
});

test("a project is saved with numbers, and a refusal stands at its field", async ({
  page,
  node,
  open,
}) => {
  node.actions["set-project"] = () =>
    new Refusal([
      {
        field: "cron",
        parameter: "cron",
        value: "60m",
        error: "invalid_schedule",
        choices: ["59m", "1h"],
      },
    ]);
  const app = await open("projects");
  await app.getByRole("button", { name: "Add project" }).click();
  await app.getByLabel("Name", { exact: true }).fill("wave3");
  await app.getByLabel("Stage").selectOption("pre-stage");
  await app.getByLabel("Only mail older than so many days").fill("30");
  await app.getByLabel("Schedule", { exact: true }).fill("60m");
  await shoot(page, "project-form");
  await app.getByRole("button", { name: "Save" }).click();
  await expect(app.getByRole("dialog").getByText("59m", { exact: false })).toBeVisible();
  node.actions["set-project"] = () => ({ project: "wave3", created: true });
  await app.getByLabel("Schedule", { exact: true }).fill("30m");
  await app.getByRole("button", { name: "Save" }).click();
  await expect(app.getByRole("dialog")).toHaveCount(0);
  expect(node.inputsOf("set-project")[1]).toEqual({
    project: "wave3",
    title: "",
    stage: "pre-stage",
    before_days: 30,
    cron: "30m",
    jobs: 0,
    paused: false,
  });
});

test("only a project without tasks can be deleted", async ({ node, open }) => {
  node.actions["delete-project"] = ({ project }) => ({ project });
  const app = await open("projects");
  await app.getByRole("button", { name: "Delete" }).click();
  await expect.poll(() => node.inputsOf("delete-project")).toEqual([{ project: "wave2" }]);
});
