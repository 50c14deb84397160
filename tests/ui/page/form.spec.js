/** The form of a task: what it fills by itself, what it sends, and where it shows refusals. */
import { expect, test } from "../support/fixtures.js";
import { certificate, MARKUP, task, taskList } from "../support/samples.js";
import { Failure, HttpStatus, Refusal } from "../support/stub-node.js";

const field = (app, label) => app.getByLabel(label, { exact: true });

async function fillAccount(app) {
  await app.getByRole("combobox", { name: "Local user" }).fill("anna");
  await field(app, "Remote user").fill("anna@example.org");
  await field(app, "Remote password").fill("secret, word");
  await field(app, "IMAP server").fill("imap.example.org");
}

const create = (app) => app.getByRole("button", { name: "Create task", exact: true }).click();

test("a new task sends exactly what create-task takes", async ({ node, open }) => {
  const app = await open("task");
  await fillAccount(app);
  await app.getByText("SSL/TLS (port 993)", { exact: true }).click();
  await app.getByText("All except selected", { exact: true }).click();
  await app.getByLabel("Patterns").fill("^Junk$\n\n Trash ");
  await app.getByText("Delete messages older than a number of days").click();
  await field(app, "Days").fill("30");
  await app.getByText("Run at a fixed interval in minutes").click();
  await app.getByRole("spinbutton", { name: "Minutes" }).fill("5");
  await create(app);
  await expect(app.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
  const [input] = node.inputsOf("create-task");
  expect(input).toEqual({
    task_id: expect.stringMatching(/^[a-z0-9]{6}$/),
    localuser: "anna",
    remoteusername: "anna@example.org",
    remotepassword: "secret, word",
    remotehostname: "imap.example.org",
    remoteport: 993,
    security: "ssl",
    tls_trust: "tofu",
    delete_local: false,
    delete_remote: true,
    delete_remote_older: 30,
    exclude: "^Junk$,Trash",
    cron: "5m",
    foldersynchronization: "exclusion",
    sieve_enabled: false,
    delivery: "append",
  });
});

test("the port follows the encryption until it is edited", async ({ open }) => {
  const app = await open("task");
  const port = field(app, "IMAP TCP port");
  await expect(port).toHaveValue("143");
  await app.getByText("SSL/TLS (port 993)", { exact: true }).click();
  await expect(port).toHaveValue("993");
  await app.getByText("STARTTLS (port 143)", { exact: true }).click();
  await expect(port).toHaveValue("143");
  await port.fill("1143");
  await app.getByText("SSL/TLS (port 993)", { exact: true }).click();
  await expect(port).toHaveValue("1143");
  // A usual port that was typed is not meant for all time.
  await port.fill("143");
  await app.getByText("STARTTLS (port 143)", { exact: true }).click();
  await app.getByText("SSL/TLS (port 993)", { exact: true }).click();
  await expect(port).toHaveValue("993");
});

test("folders of one account are not offered for another", async ({ open }) => {
  const app = await open("task");
  await fillAccount(app);
  await app.getByText("All except selected", { exact: true }).click();
  await app.getByRole("button", { name: "Load the folders of the account" }).click();
  await expect(app.getByLabel("Drafts")).toBeVisible();
  // A name that says what a folder is for needs no note; folders that only hold others are not counted.
  await expect(app.getByText("Drafts Drafts")).toHaveCount(0);
  await app.getByLabel("Drafts").check();
  await expect(app.getByText("1 of 8 folders is left out")).toBeVisible();
  await field(app, "IMAP server").fill("imap.example.net");
  await expect(app.getByLabel("Drafts")).toHaveCount(0);
  await expect(app.getByRole("button", { name: "Load the folders of the account" })).toBeVisible();
});

test("an account at Microsoft is told that passwords do not work there", async ({ open }) => {
  const app = await open("task");
  await field(app, "Remote user").fill("anna@outlook.com");
  await expect(app.getByText("accept no passwords over IMAP any more")).toBeVisible();
});

for (const [name, label] of [
  ["task", "Local user"],
  ["settings", "Mail server"],
]) {
  test(`the combo box of the page ${name} is one box: arrow inside, list below`, async ({
    open,
  }) => {
    const app = await open(name);
    const input = app.getByRole("combobox", { name: label });
    await input.click();
    const field = await input.boundingBox();
    const arrow = await app.locator(".im-combo-icon").boundingBox();
    const list = await app.getByRole("listbox").boundingBox();
    expect(arrow.x + arrow.width).toBeLessThan(field.x + field.width);
    expect(arrow.x).toBeGreaterThan(field.x + field.width - 48);
    expect(Math.abs(list.width - field.width)).toBeLessThan(2);
  });
}

test("servers inside the cluster are allowed in the settings, and a wrong one is named", async ({
  node,
  open,
}) => {
  const app = await open("settings");
  const allowed = field(app, "Allowed servers inside the cluster");
  await expect(allowed).toHaveValue("10.5.4.7");
  node.actions["configure-module"] = () =>
    new Refusal([
      {
        field: "allowed_hosts",
        parameter: "allowed_hosts",
        value: "10.6/x",
        error: "invalid_value",
      },
    ]);
  await allowed.fill("10.5.4.7, mail.lan 10.6/x");
  await app.getByRole("button", { name: "Save", exact: true }).click();
  await expect(app.getByText("10.6/x is not the name of a server")).toBeVisible();
  expect(node.inputsOf("configure-module").map((one) => one.allowed_hosts)).toEqual([
    ["10.5.4.7", "mail.lan", "10.6/x"],
  ]);
});

test("a known provider fills the server, unless one was typed", async ({ open }) => {
  const app = await open("task");
  await field(app, "Remote user").fill("anna@gmail.com");
  await expect(field(app, "IMAP server")).toHaveValue("imap.gmail.com");
  await expect(field(app, "IMAP TCP port")).toHaveValue("993");
  await expect(app.getByRole("radio", { name: "SSL/TLS (port 993)" })).toBeChecked();
  await field(app, "IMAP server").fill("imap.example.org");
  await field(app, "Remote user").fill("anna@gmx.de");
  await expect(field(app, "IMAP server")).toHaveValue("imap.example.org");
  await app.getByRole("button", { name: "Use the settings of GMX" }).click();
  await expect(field(app, "IMAP server")).toHaveValue("imap.gmx.net");
});

test("what is missing is said at the fields, before anything is sent", async ({ node, open }) => {
  const app = await open("task");
  await create(app);
  await expect(app.getByText("Required", { exact: true })).toHaveCount(3);
  await expect(app.getByText("Enter the password")).toBeVisible();
  await expect(app.getByRole("combobox", { name: "Local user" })).toBeFocused();
  expect(node.inputsOf("create-task")).toEqual([]);
});

for (const [error, label, sentence] of [
  ["bad_user_credentials", "Remote password", "The remote server refused the user or the password"],
  ["check_hostname_or_tcp_port", "IMAP server", "No IMAP server answers at this address and port"],
  ["remoteport_number_lte", "IMAP TCP port", "This number is too large"],
  [
    "invalid_schedule",
    null,
    "Minutes go from 1 to 59, hours from 1 to 23, times of day from 00:00 to 23:59. Nearest: 59m, 1h",
  ],
  ["starttls_not_allowed_use_imaps", null, "The server does not offer STARTTLS here: use SSL/TLS"],
]) {
  test(`the refusal ${error} is shown at its field`, async ({ node, open }) => {
    const fields = {
      bad_user_credentials: "remotepassword",
      check_hostname_or_tcp_port: "remotehostname",
      remoteport_number_lte: "remoteport",
      invalid_schedule: "cron",
      starttls_not_allowed_use_imaps: "security",
    };
    node.actions["create-task"] = () =>
      new Refusal([
        {
          field: fields[error],
          parameter: fields[error],
          value: "",
          error,
          choices: ["59m", "1h"],
        },
      ]);
    const app = await open("task");
    await fillAccount(app);
    await create(app);
    await expect(app.getByText(sentence)).toBeVisible();
    if (label) {
      await expect(field(app, label)).toBeFocused();
    }
  });
}

test("a refusal without a field of the form, and a failure, are shown above the buttons", async ({
  node,
  open,
}) => {
  const app = await open("task");
  await fillAccount(app);
  node.actions["create-task"] = () => new Failure(`Traceback: ${MARKUP}`);
  await create(app);
  await expect(app.getByText(`Traceback: ${MARKUP}`)).toBeVisible();
  node.actions["create-task"] = () =>
    new Refusal([{ field: "(root)", parameter: "(root)", value: "", error: "(root)_required" }]);
  await create(app);
  await expect(app.getByText("Required")).toBeVisible();
});

test("a certificate is trusted by its fingerprint", async ({ node, open }) => {
  node.actions["test-remote"] = () => ({
    ok: true,
    error: null,
    field: null,
    server_text: "",
    certificate,
    capabilities: [],
  });
  const app = await open("task");
  await fillAccount(app);
  await app.getByRole("button", { name: "Test connection" }).click();
  await app.getByRole("button", { name: "Trust this certificate" }).click();
  await create(app);
  await expect(app.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
  expect(node.inputsOf("create-task")[0].tls_trust).toBe(`sha256:${certificate.fingerprint}`);
});

test("an edited task keeps what the form does not show, and sends no password", async ({
  node,
  open,
}) => {
  const stored = task({
    delete_local: true,
    tls_trust: "ca",
    exclude: ",^a$",
    foldersynchronization: "exclusion",
    cron: "2h",
  });
  node.actions["list-tasks"] = () => taskList([stored]);
  const app = await open("task", "&localuser=anna&task_id=a0241w&copy=false");
  await expect(field(app, "Remote password")).toHaveAttribute("placeholder", "Unchanged");
  await app.getByRole("button", { name: "Save", exact: true }).click();
  await expect(app.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
  expect(node.inputsOf("create-task")[0]).toMatchObject({
    task_id: "a0241w",
    localuser: "anna",
    remotepassword: "",
    remoteport: 993,
    delete_local: true,
    tls_trust: "ca",
    exclude: "^a$",
    cron: "2h",
  });
});

test("a duplicate gets its own id and needs user and password", async ({ node, open }) => {
  const app = await open("task", "&localuser=anna&task_id=a0241w&copy=true");
  await expect(field(app, "Remote user")).toHaveValue("anna@example.org");
  await app.getByRole("combobox", { name: "Local user" }).fill("bruno");
  await field(app, "Remote password").fill("secret");
  await create(app);
  await expect(app.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
  const [input] = node.inputsOf("create-task");
  expect(input.task_id).not.toBe("a0241w");
  expect(input.cron).toBe("15m");
});

test("a task that has gone is said to have gone", async ({ open }) => {
  const app = await open("task", "&localuser=nobody&task_id=zzzzzz&copy=false");
  await expect(app.getByText("This task does not exist any more.")).toBeVisible();
});

test("patterns are checked: commas, broken expressions, none at all", async ({ open }) => {
  const app = await open("task");
  await fillAccount(app);
  await app.getByText("All except selected", { exact: true }).click();
  for (const [text, sentence] of [
    ["", "Choose at least one folder or type a pattern"],
    ["a{1,2}", "A pattern cannot hold a comma: a{1,2}"],
    ["(", "Not a regular expression: ("],
  ]) {
    await app.getByLabel("Patterns").fill(text);
    await create(app);
    await expect(app.getByText(sentence)).toBeVisible();
    await expect(app.getByLabel("Patterns")).toBeFocused();
  }
});

test("the combo box works by keyboard", async ({ page, open }) => {
  const app = await open("task");
  const combo = app.getByRole("combobox", { name: "Local user" });
  await combo.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(combo).toHaveValue("bruno");
  await expect(app.getByRole("listbox")).toBeHidden();
});

test("an HTTP refusal names the reason", async ({ page, node, open }) => {
  node.actions["create-task"] = () => new HttpStatus(403);
  // The browser reports each refused request itself.
  page.removeAllListeners("console");
  const app = await open("task");
  await fillAccount(app);
  await create(app);
  await expect(app.getByText("Your account may not do this.")).toBeVisible();
});
