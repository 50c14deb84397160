/** The page in a browser, watched: no error in the console, no request to another host. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { expect, test as base } from "@playwright/test";
import { layoutProblems } from "./layout.js";
import { actions, followers } from "./samples.js";
import { serveFiles, StubNode } from "./stub-node.js";

export const artifacts = fileURLToPath(new URL("../../../artifacts/ui", import.meta.url));

/** The frame of the module, seen from cluster-admin. */
export const app = (page) => page.frameLocator("#app-frame");

export async function appFrame(page) {
  const handle = await page.waitForSelector("#app-frame");
  return handle.contentFrame();
}

/** Fails the test on console errors, broken scripts and requests to other hosts. */
export function watch(page, origin) {
  const faults = [];
  page.on("console", (message) => {
    // A node answers 400 when it is asked for the result of an unfinished task, and the browser reports that.
    const asked = /\/task\/[0-9a-f-]+\/(status|context)$/.test(message.location().url);
    if (message.type() === "error" && !asked) {
      faults.push(`console: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== origin) {
      faults.push(`other host: ${request.url()}`);
    }
  });
  return faults;
}

/** A screenshot as high as the page, and what is wrong with its layout. */
export async function shoot(page, name, { folder = "page" } = {}) {
  const size = page.viewportSize();
  const frame = await appFrame(page);
  const height = await frame.evaluate(() => {
    const main = document.querySelector(".im-main");
    return document.querySelector("dialog[open], .im-menu-list")
      ? 0
      : main.scrollHeight + main.getBoundingClientRect().top;
  });
  if (height + 48 > size.height) {
    await page.setViewportSize({ ...size, height: Math.ceil(height) + 48 });
  }
  const target = join(artifacts, folder);
  mkdirSync(target, { recursive: true });
  await page.screenshot({
    path: join(target, `${name}-${size.width}.png`),
    animations: "disabled",
  });
  const problems = await layoutProblems(frame);
  await page.setViewportSize(size);
  expect.soft(problems, `layout of ${name} at ${size.width} px`).toEqual([]);
}

/** NS8's own blue on buttons and links is too light: core.css decides that, and the menu's colours, not this page. */
async function isOfTheFrame(page, id, { target }) {
  return (
    id === "color-contrast" &&
    (await app(page)
      .locator(target.at(-1))
      .evaluate((element) => Boolean(element.closest(".bx--btn, .bx--link, .app-side-nav"))))
  );
}

/** No serious violation of accessibility rules. */
export async function expectAccessible(page, name) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = [];
  for (const { id, impact, nodes } of violations) {
    for (const node of ["serious", "critical"].includes(impact) ? nodes : []) {
      if (!(await isOfTheFrame(page, id, node))) {
        serious.push(`${id}: ${node.html}`);
      }
    }
  }
  expect.soft(serious, `accessibility of ${name}`).toEqual([]);
}

export const test = base.extend({
  files: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const files = await serveFiles();
      await use(files);
      await files.close();
    },
    { scope: "worker" },
  ],
  /** The replies; a test changes `node.actions` before or after `open`. */
  // eslint-disable-next-line no-empty-pattern
  node: async ({}, use) => {
    const node = new StubNode(actions());
    Object.assign(
      node.actions,
      followers((data) => node.actions["list-tasks"](data)),
    );
    await use(node);
  },
  /** Opens a page of the module: `open("tasks")`. */
  open: async ({ page, files, node }, use) => {
    const faults = watch(page, files.origin);
    await page.addInitScript(() =>
      localStorage.setItem("loginInfo", JSON.stringify({ username: "admin", token: "token" })),
    );
    await node.attach(page);
    await use(async (name, query = "") => {
      await page.goto(`${files.origin}/cluster-admin/#/apps/imapsync1?page=${name}${query}`);
      await expect(app(page).locator("h2").first()).toBeVisible();
      return app(page);
    });
    expect(faults).toEqual([]);
    expect(node.problems).toEqual([]);
  },
});

export { expect };
