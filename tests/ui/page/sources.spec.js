/** Sources: what the page sends, that no secret stays in the browser, signing in, and tasks that name one. */
import { expect, expectAccessible, shoot, test } from "../support/fixtures.js";
import { Refusal } from "../support/stub-node.js";

const office = {
  source: "office",
  auth: "microsoft_app",
  remotehostname: "outlook.office365.com",
  remoteport: 993,
  security: "ssl",
  tls_trust: "tofu",
  max_connections: 16,
  master_user: "",
  tenant: "example.org",
  client_id: "11111111-2222-3333-4444-555555555555",
  scope: "",
  token_url: "",
  device_url: "",
  authorize_url: "",
  redirect_url: "",
  expires_on: "2027-06-30",
  tasks: 40,
  error: null,
  stored: ["client_secret"],
  state: "ready",
  trouble: null,
  trouble_text: "",
  trouble_user: "",
  expires: "2027-06-30",
};
const anna = {
  ...office,
  source: "anna",
  auth: "google_code",
  state: "sign_in",
  expires: null,
};
const broken = {
  source: "old",
  tasks: 0,
  error: "source old: remotehostname: invalid_value",
};

test.beforeEach(({ node }) => {
  node.actions["list-sources"] = () => ({ sources: [anna, office, broken] });
});

test("sources are listed with what is wrong, and look right", async ({ page, open }) => {
  const app = await open("sources");
  await expect(app.getByText("Somebody has to sign in")).toBeVisible();
  await expect(app.getByText("(secret until 2027-06-30)")).toBeVisible();
  await expect(app.getByText("source old: remotehostname: invalid_value")).toBeVisible();
  await shoot(page, "sources");
  await expectAccessible(page, "sources");
  await app.getByRole("button", { name: "Leave Microsoft 365" }).click();
  await expect(app.getByText("New-ServicePrincipal")).toBeVisible();
  await shoot(page, "sources-guide");
});

test("a new source is sent with its secret, which stays nowhere in the browser", async ({
  page,
  node,
  open,
}) => {
  node.actions["set-source"] = () => ({ source: "cloud", created: true });
  const app = await open("sources");
  await app.getByRole("button", { name: "Add source" }).click();
  await app.getByLabel("Name", { exact: true }).fill("cloud");
  await app.getByLabel("Tenant (domain or id)").fill("example.org");
  await app.getByLabel("Application (client) id").fill("the-client");
  await app.getByLabel("Application secret", { exact: true }).fill("very secret");
  await shoot(page, "sources-form");
  await app.getByRole("button", { name: "Save" }).click();
  await expect(app.getByRole("dialog")).toHaveCount(0);
  const [input] = node.inputsOf("set-source");
  expect(input).toMatchObject({
    ...{
      source: "cloud",
      auth: "microsoft_app",
      tenant: "example.org",
      client_id: "the-client",
    },
    ...{
      client_secret: "very secret",
      remotehostname: "outlook.office365.com",
      remoteport: 993,
    },
  });
  expect(input).not.toHaveProperty("certificate_key");
  const kept = await page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }]),
  );
  expect(kept).not.toContain("very secret");
});

const nothing = {
  ...{
    domain: "example.org",
    found: false,
    provider: null,
    title: null,
    remotehostname: null,
  },
  ...{
    remoteport: null,
    security: null,
    auth: null,
    sign_in: [],
    max_connections: 0,
  },
  ...{ learned: null, learned_from: null, reason: "nothing_known", tried: [] },
};
const hosted = {
  ...{
    ...nothing,
    found: true,
    reason: null,
    title: "Mail of example.org",
    auth: "password",
  },
  ...{
    remotehostname: "mail.example.org",
    remoteport: 143,
    security: "tls",
    learned: "autoconfig",
  },
  ...{ learned_from: "https://autoconfig.example.org/mail/config-v1.1.xml" },
};
const microsoft = {
  ...{
    ...hosted,
    provider: "office365",
    title: "Microsoft 365",
    auth: "microsoft_app",
  },
  ...{
    remotehostname: "outlook.office365.com",
    remoteport: 993,
    security: "ssl",
  },
  ...{
    max_connections: 16,
    sign_in: ["oauth2"],
    learned_from: "x.mail.protection.outlook.com",
  },
};

test("a mail address fills in server and way to sign in, and saving sends them", async ({
  page,
  node,
  open,
}) => {
  node.actions["recognize-source"] = ({ address }) =>
    address.startsWith("anna") ? hosted : microsoft;
  node.actions["set-source"] = () => ({ source: "cloud", created: true });
  const app = await open("sources");
  await app.getByRole("button", { name: "Add source" }).click();
  await app.getByLabel("Name", { exact: true }).fill("cloud");
  const address = app.getByLabel("Mail address or domain");
  await expect(app.getByRole("button", { name: "Recognize" })).toBeDisabled();
  await address.fill("bob@example.org");
  await app.getByRole("button", { name: "Recognize" }).click();
  await expect(app.getByLabel("Tenant (domain or id)")).toHaveValue("example.org");
  await expect(app.getByLabel("Connections at a time")).toHaveValue("16");
  await address.fill("anna@example.org");
  await address.press("Enter");
  await expect(app.getByText("Mail of example.org: filled in, learned from")).toBeVisible();
  await expect(app.getByLabel("IMAP server")).toHaveValue("mail.example.org");
  await shoot(page, "sources-recognized");
  await expectAccessible(page, "sources-recognized");
  expect(node.inputsOf("recognize-source")).toEqual([
    { address: "bob@example.org" },
    { address: "anna@example.org" },
  ]);
  expect(node.inputsOf("set-source"), "Enter asks, it does not save").toEqual([]);
  await app.getByRole("button", { name: "Save" }).click();
  await expect(app.getByRole("dialog")).toHaveCount(0);
  expect(node.inputsOf("set-source")[0]).toMatchObject({
    ...{
      auth: "password",
      remotehostname: "mail.example.org",
      remoteport: 143,
    },
    ...{ security: "tls", max_connections: 0, tenant: "" },
  });
});

test("an address that tells nothing changes nothing, and says why", async ({ node, open }) => {
  const answers = [
    { ...nothing, domain: "nobody.example", reason: "unknown_domain" },
    { ...nothing, reason: "no_answer" },
    nothing,
    new Refusal([
      {
        field: "address",
        parameter: "address",
        value: "anna",
        error: "invalid_value",
      },
    ]),
  ];
  node.actions["recognize-source"] = () => answers.shift();
  const app = await open("sources");
  await app.getByRole("button", { name: "Add source" }).click();
  await app.getByLabel("IMAP server").fill("mine.example.org");
  await app.getByLabel("Mail address or domain").fill("anna@example.org");
  for (const told of [
    "There is no domain nobody.example.",
    "The name server does not answer.",
    "Nothing is known of example.org. Enter its server yourself.",
    "This value is not allowed here",
  ]) {
    await app.getByRole("button", { name: "Recognize" }).click();
    await expect(app.getByText(told)).toBeVisible();
    await expect(app.getByLabel("IMAP server")).toHaveValue("mine.example.org");
  }
});

test("a provider that wants app passwords says so", async ({ node, open }) => {
  node.actions["recognize-source"] = () => ({
    ...hosted,
    sign_in: ["app-password"],
  });
  const app = await open("sources");
  await app.getByRole("button", { name: "Add source" }).click();
  await app.getByLabel("Mail address or domain").fill("example.org");
  await app.getByRole("button", { name: "Recognize" }).click();
  await expect(app.getByText("Create an app password")).toBeVisible();
});

test("a refusal is shown at its field", async ({ node, open }) => {
  node.actions["set-source"] = () =>
    new Refusal([
      {
        field: "client_secret",
        parameter: "client_secret",
        value: "",
        error: "secret_required",
      },
    ]);
  const app = await open("sources");
  await app
    .getByRole("row", { name: /^office / })
    .getByText("Edit")
    .click();
  await app.getByRole("button", { name: "Save" }).click();
  await expect(app.getByText("Enter the secret: none is stored")).toBeVisible();
});

test("accounts are tested side by side, those that are missing first", async ({ node, open }) => {
  const result = (remoteusername, ok, error) => ({
    ...{ remoteusername, ok, error, field: "remoteusername", server_text: "" },
    ...{ certificate: null, capabilities: [] },
  });
  node.actions["test-source"] = () => ({
    results: [result("anna@x", true, null), result("bob@x", false, "mailbox_not_granted")],
  });
  const app = await open("sources");
  await app
    .getByRole("row", { name: /^office / })
    .getByText("Test accounts")
    .click();
  await app.getByLabel("Remote users, one a line").fill("anna@x\nbob@x\n");
  await app.getByRole("dialog").getByRole("button", { name: "Test accounts" }).click();
  const rows = app.getByRole("dialog").getByRole("row");
  await expect(rows.nth(1)).toContainText("The application was not granted this mailbox.");
  await expect(rows.nth(2)).toContainText("The login works");
  expect(node.inputsOf("test-source")[0].remoteusernames).toEqual(["anna@x", "bob@x"]);
});

test("a person signs in by pasting back where the browser ended", async ({ node, open }) => {
  const empty = {
    ...{
      authorize_url: null,
      user_code: null,
      verification_uri: null,
      expires_at: null,
    },
    ...{ error: null, text: "" },
  };
  node.actions["sign-in"] = ({ response_secret: pasted }) =>
    pasted
      ? { ...empty, state: "done" }
      : {
          ...empty,
          state: "visit",
          authorize_url: "https://accounts.example.org/auth",
        };
  const app = await open("sources");
  await app.getByRole("row", { name: /anna/ }).getByText("Sign in", { exact: true }).click();
  const link = app.getByRole("link", { name: "Open the sign-in" });
  await expect(link).toHaveAttribute("href", "https://accounts.example.org/auth");
  await app.getByLabel("Address at which the browser ended").fill("http://127.0.0.1/?code=x");
  await app.getByRole("dialog").getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(app.getByText("Signed in")).toBeVisible();
  expect(node.inputsOf("sign-in").at(-1)).toEqual({
    source: "anna",
    response_secret: "http://127.0.0.1/?code=x",
  });
});

test("a task with a source sends it in place of server and password", async ({ node, open }) => {
  const app = await open("task");
  await app.getByRole("combobox", { name: "Local user" }).fill("anna");
  await app.getByLabel("Remote user", { exact: true }).fill("anna@example.org");
  await app.getByLabel("Server and sign-in").selectOption("office");
  await expect(app.getByLabel("Remote password", { exact: true })).toHaveCount(0);
  await expect(app.getByLabel("IMAP server", { exact: true })).toHaveCount(0);
  await app.getByRole("button", { name: "Create task", exact: true }).click();
  await expect(app.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
  const [input] = node.inputsOf("create-task");
  expect(input).toMatchObject({
    remoteusername: "anna@example.org",
    source: "office",
  });
  expect(input).not.toHaveProperty("remotehostname");
  expect(input).not.toHaveProperty("remotepassword");
});

test("a source is deleted only when somebody says so once more", async ({ node, open }) => {
  node.actions["delete-source"] = ({ source }) => ({ source });
  const app = await open("sources");
  const remove = app.getByRole("row", { name: /^old/ }).getByRole("button", { name: "Delete" });
  await remove.click();
  await app.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  expect(node.inputsOf("delete-source")).toEqual([]);
  await remove.click();
  await app.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect.poll(() => node.inputsOf("delete-source")).toEqual([{ source: "old" }]);
});
