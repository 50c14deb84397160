/**
 * Runs `work(item)` for each item, a few at a time, and goes on when one fails.
 *
 * @param {Array} items
 * @param {number} limit calls under way at once
 * @param {Function} work gives a promise
 * @param {Function} onDone told the number of finished items after each
 * @returns {Promise<Array<{item, error}>>} the items that failed
 */
export async function forEachLimited(items, limit, work, onDone = () => {}) {
  const waiting = [...items];
  const failures = [];
  let done = 0;
  const worker = async () => {
    while (waiting.length) {
      const item = waiting.shift();
      try {
        await work(item);
      } catch (error) {
        failures.push({ item, error });
      }
      done += 1;
      onDone(done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, waiting.length) }, worker));
  return failures;
}
