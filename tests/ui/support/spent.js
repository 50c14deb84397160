/** Processor time of a page: unlike the clock it says nothing of what else the machine does. */

/** A function that gives the milliseconds of processor time that the page's thread has spent so far. */
export async function processorTime(page) {
  const browser = await page.context().newCDPSession(page);
  await browser.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await browser.send("Performance.getMetrics");
    return 1000 * metrics.find(({ name }) => name === "TaskDuration").value;
  };
}
