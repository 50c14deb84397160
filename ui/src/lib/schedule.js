/**
 * The `cron` member of a task: "" (by hand), "live" (when mail comes), `<n>m` (minutes 1-59), `<n>h` (hours 1-23), "22:00" or "mon-fri 22:00"
 * (at a time of day), "mon-fri 30m 20-06" (an interval within hours), "2026-12-24 22:00" (once).
 */

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
export const MODES = ["manual", "minutes", "hours", "live", "daily", "window", "once"];

const DAY = `(?:${DAYS.join("|")})`;
const FORM = new RegExp(
  `^(?:(${DAY}(?:[,-]${DAY})*) )?(?:(\\d\\d:\\d\\d)|(\\d+)([mh])(?: (\\d\\d)-(\\d\\d))?)$`,
);
const ONCE = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d)$/;

/**
 * @returns {{mode: string, count: number, unit: string, days: number[], at: string, from: string, to: string, date: string}}
 *   days: Monday as 0; from, to: hours of two digits
 */
export function parseSchedule(cron) {
  const parts = { mode: "manual", count: 0, unit: "m", days: everyDay(), at: "22:00" };
  Object.assign(parts, { from: "20", to: "06", date: "" });
  const once = ONCE.exec(cron || "");
  if (once) {
    return { ...parts, mode: "once", date: once[1], at: once[2] };
  }
  const match = FORM.exec(cron || "");
  if (!match) {
    return cron === "live" ? { ...parts, mode: "live" } : parts;
  }
  const [, days, at, count, unit, from = "00", to = "24"] = match;
  parts.days = daysOf(days);
  if (at) {
    return { ...parts, mode: "daily", at };
  }
  const interval = { ...parts, count: Number(count), unit };
  return days || match[5]
    ? { ...interval, mode: "window", from, to }
    : { ...interval, mode: unit === "m" ? "minutes" : "hours" };
}

/** The largest count of each unit: a crontab field starts anew every hour and every day. */
export const MAX_COUNT = { minutes: 59, hours: 23, m: 59, h: 23 };

/** The member for a choice of the form, in the terms of `parseSchedule`. */
export function formatSchedule({ mode, count, unit, days, at, from, to, date }) {
  const prefix = days && days.length < DAYS.length ? `${daysText(days)} ` : "";
  switch (mode) {
    case "minutes":
      return `${count}m`;
    case "hours":
      return `${count}h`;
    case "live":
      return "live";
    case "daily":
      return `${prefix}${at}`;
    case "window":
      return `${prefix}${count}${unit} ${from}-${to}`;
    case "once":
      return `${date} ${at}`;
    default:
      return "";
  }
}

function everyDay() {
  return DAYS.map((_, day) => day);
}

function daysOf(text) {
  if (!text) {
    return everyDay();
  }
  const found = new Set();
  for (const part of text.split(",")) {
    const ends = part.split("-").map((day) => DAYS.indexOf(day));
    const length = (ends[ends.length - 1] - ends[0] + 7) % 7;
    for (let step = 0; step <= length; step += 1) {
      found.add((ends[0] + step) % 7);
    }
  }
  return [...found].sort();
}

/** Days as "mon-fri" or "mon,tue,sun": three or more in a row are told by their ends. */
export function daysText(days, name = (day) => DAYS[day], dash = "-", comma = ",") {
  return runsOf(days)
    .map((run) =>
      run.length > 2
        ? name(run[0]) + dash + name(run[run.length - 1])
        : run.map((day) => name(day)).join(comma),
    )
    .join(comma);
}

function runsOf(days) {
  const runs = [];
  for (const day of [...days].sort()) {
    const last = runs[runs.length - 1];
    if (last && last[last.length - 1] === day - 1) {
      last.push(day);
    } else {
      runs.push([day]);
    }
  }
  return runs;
}
