/** The `cron` member of a task: "" (by hand), "live" (when mail comes), `<n>m` (1-59) or `<n>h` (1-23). */

/** @returns {{mode: "manual"|"live"|"minutes"|"hours", count: number}} */
export function parseSchedule(cron) {
  const match = /^(\d+)([mh])$/.exec(cron || "");
  if (!match) {
    return { mode: cron === "live" ? "live" : "manual", count: 0 };
  }
  return { mode: match[2] === "m" ? "minutes" : "hours", count: Number(match[1]) };
}

/** The largest count of each mode: a crontab field starts anew every hour and every day. */
export const MAX_COUNT = { minutes: 59, hours: 23 };

/** The member for a choice of the form. */
export function formatSchedule(mode, count) {
  const units = { minutes: "m", hours: "h" };
  return mode in units ? `${count}${units[mode]}` : mode === "live" ? mode : "";
}
