/** Ten thousand tasks in the browser: how long it is busy with what a reader does. The figures are told. */
import { expect, test } from "../support/fixtures.js";
import { manyTasks, taskList } from "../support/samples.js";
import { processorTime } from "../support/spent.js";

/** What a reader takes for "at once", ms of processor time; a slower machine may need twice as much. */
const AT_ONCE_MS = 100;
const SLOWER = 2;

test(
  "ten thousand tasks are typed in, sorted, paged and scrolled at once",
  { tag: "@slow" },
  async ({ page, node, open }) => {
    test.setTimeout(180_000);
    const answer = taskList(manyTasks(10_000));
    node.actions["list-tasks"] = () => answer;
    const app = await open("tasks", "&length=100");
    const rows = app.locator("[data-task]");
    await expect(rows).toHaveCount(100);
    const search = app.locator("#im-search");
    const spent = await processorTime(page);
    const slow = [];
    /** The processor time of the page for one of `times` that something is done. */
    const measure = async (what, act, times = 1) => {
      const before = await spent();
      await act();
      await search.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
      const took = Math.round(((await spent()) - before) / times);
      process.stdout.write(`10,000 tasks, ${what}: ${took} ms\n`);
      slow.push(...(took > AT_ONCE_MS * SLOWER ? [`${what}: ${took} ms`] : []));
    };
    await measure(
      "typing",
      async () => {
        await search.pressSequentially("user0123", { delay: 60 });
        await expect(rows).toHaveCount(10);
      },
      8,
    );
    await measure("clearing the search", async () => {
      await search.press("Escape");
      await expect(rows).toHaveCount(100);
    });
    await measure("sorting", async () => {
      const first = await rows.first().getAttribute("data-task");
      await app.getByRole("button", { name: "Task ID" }).click();
      await app.getByRole("button", { name: "Task ID" }).click();
      await expect(rows.first()).not.toHaveAttribute("data-task", first);
    });
    await measure("the next page", async () => {
      const first = await rows.first().getAttribute("data-task");
      await app.getByRole("button", { name: "Next page" }).click();
      await expect(rows.first()).not.toHaveAttribute("data-task", first);
    });
    await measure("selecting the page", () =>
      app.getByRole("checkbox", { name: "Select the tasks of this page" }).check(),
    );
    await measure(
      "scrolling",
      async () => {
        for (let n = 0; n < 20; n += 1) {
          await page.mouse.move(700, 500);
          await page.mouse.wheel(0, 400);
        }
      },
      20,
    );
    expect(slow).toEqual([]);
  },
);
