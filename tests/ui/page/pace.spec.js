/**
 * Ten thousand tasks in the browser: how much processor time it needs for what a reader does. The figures are told; the
 * limits are for a machine that is busy with other work.
 */
import { expect, test } from "../support/fixtures.js";
import { manyTasks, taskList } from "../support/samples.js";
import { processorTime } from "../support/spent.js";

/** A letter, a turn of the wheel, ms. */
const AT_ONCE_MS = 200;
/** A page of a hundred rows is drawn, ms. */
const DRAWN_MS = 2000;

test(
  "ten thousand tasks are typed in, sorted, paged and scrolled",
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
    const measure = async (what, most, act, times = 1) => {
      const before = await spent();
      await act();
      await search.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
      const took = Math.round(((await spent()) - before) / times);
      process.stdout.write(`10,000 tasks, ${what}: ${took} ms\n`);
      slow.push(...(took > most ? [`${what}: ${took} ms`] : []));
    };
    const changed = async (act) => {
      const first = await rows.first().getAttribute("data-task");
      await act();
      await expect(rows.first()).not.toHaveAttribute("data-task", first);
    };
    const type = async () => {
      await search.pressSequentially("user0123", { delay: 60 });
      await expect(rows).toHaveCount(10);
    };
    await measure("a letter", AT_ONCE_MS, type, 8);
    await measure("clearing the search", DRAWN_MS, async () => {
      await search.press("Escape");
      await expect(rows).toHaveCount(100);
    });
    await app.getByRole("button", { name: "Task ID" }).click();
    await measure("sorting", DRAWN_MS, () =>
      changed(() => app.getByRole("button", { name: "Task ID" }).click()),
    );
    await measure("the next page", DRAWN_MS, () =>
      changed(() => app.getByRole("button", { name: "Next page" }).click()),
    );
    await measure("selecting the page", DRAWN_MS, () =>
      app.getByRole("checkbox", { name: "Select the tasks of this page" }).check(),
    );
    const scroll = async () => {
      for (let n = 0; n < 20; n += 1) {
        await page.mouse.move(700, 500);
        await page.mouse.wheel(0, 400);
      }
    };
    await measure("a turn of the wheel", AT_ONCE_MS, scroll, 20);
    expect(slow).toEqual([]);
  },
);
