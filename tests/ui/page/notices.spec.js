/** Settings: who is told by mail what somebody has to look at, and when. */
import { expect, expectAccessible, shoot, test } from "../support/fixtures.js";
import { Refusal } from "../support/stub-node.js";

const OFF = {
  addresses: [],
  sender: "",
  language: "en",
  hours: "",
  no_success_hours: 0,
  smarthost: true,
};

const field = (app, name) => app.getByLabel(name, { exact: true });

test("notices are switched on, tried and saved, and a refusal stands at its field", async ({
  page,
  node,
  open,
}) => {
  node.actions["get-notices"] = () => OFF;
  node.actions["set-notices"] = () =>
    new Refusal([
      {
        field: "addresses",
        parameter: "addresses",
        value: "",
        error: "mail_not_sent",
        text: "550 5.7.1 relaying denied",
      },
    ]);
  const app = await open("settings");
  await expect(field(app, "Addresses")).toHaveCount(0);
  await app.getByText("Tell by mail", { exact: true }).click();
  await app.getByRole("button", { name: "Save notices" }).click();
  await expect(app.getByText("Required", { exact: true })).toBeVisible();
  await field(app, "Addresses").fill("admin@example.org, second@example.org");
  await field(app, "Hours").fill("8-18");
  await app.getByRole("button", { name: "Save notices" }).click();
  await expect(app.getByText("Write two hours, as 08-18")).toBeVisible();
  await expect(field(app, "Hours")).toBeFocused();
  expect(node.inputsOf("set-notices")).toEqual([]);
  await field(app, "Hours").fill("08-18");
  await field(app, "Hours without a success").fill("48");
  await app.getByRole("button", { name: "Save and test" }).click();
  await expect(app.getByText("did not take the message: 550 5.7.1 relaying denied")).toBeVisible();
  node.actions["set-notices"] = (given) => given;
  await app.getByRole("button", { name: "Save and test" }).click();
  await expect(app.getByText("a test message is on its way")).toBeVisible();
  await shoot(page, "notices");
  await expectAccessible(page, "notices");
  expect(node.inputsOf("set-notices")[1]).toEqual({
    addresses: ["admin@example.org", "second@example.org"],
    sender: "",
    language: "en",
    hours: "08-18",
    no_success_hours: 48,
    test: true,
  });
});

test("notices that are on are shown and switched off", async ({ node, open }) => {
  node.actions["set-notices"] = (given) => given;
  const app = await open("settings");
  await expect(field(app, "Addresses")).toHaveValue("admin@example.org");
  await expect(field(app, "Hours")).toHaveValue("08-18");
  await app.getByText("Tell by mail", { exact: true }).click();
  await app.getByRole("button", { name: "Save notices" }).click();
  await expect(app.getByText("Notices saved")).toBeVisible();
  expect(node.inputsOf("set-notices")).toEqual([{ addresses: [] }]);
});

test("without a mail relay the page says that nothing can be sent", async ({ node, open }) => {
  node.actions["get-notices"] = () => ({ ...OFF, smarthost: false });
  const app = await open("settings");
  await expect(app.getByText("The cluster has no mail relay")).toBeVisible();
});
