/** How long a page that shows what happens waits before it asks again. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/**
 * Pauses by how long nobody has touched the page, the longest last. Each question stays in the memory of every tab
 * that shows cluster-admin, so that a page left open over a weekend must ask seldom.
 */
const PAUSES = [
  { untouchedMs: 2 * MINUTE, busy: 2 * SECOND, idle: 10 * SECOND },
  { untouchedMs: 30 * MINUTE, busy: 10 * SECOND, idle: 30 * SECOND },
  { untouchedMs: Infinity, busy: MINUTE, idle: MINUTE },
];

/**
 * @param {{busy: boolean, untouchedMs: number}} what something goes on; how long nobody has touched the page
 * @returns {number} milliseconds
 */
export function pauseAfter({ busy, untouchedMs }) {
  const pause = PAUSES.find((step) => untouchedMs < step.untouchedMs) ?? PAUSES.at(-1);
  return busy ? pause.busy : pause.idle;
}
