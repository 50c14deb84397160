/** Numbers, sizes, times and dates as the reader's language writes them. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** What writes numbers and dates: to make one takes longer than all that it writes for a row of a table. */
const writers = new Map();

function writer(kind, locale, options = {}) {
  const name = JSON.stringify([kind.name, locale, options]);
  if (!writers.has(name)) {
    writers.set(name, new kind(locale, options));
  }
  return writers.get(name);
}

const number = (locale, options) => writer(Intl.NumberFormat, locale, options);
const dateTime = (locale, options) => writer(Intl.DateTimeFormat, locale, options);

/** `1234` as "1,234" or "1.234". */
export function formatCount(count, locale) {
  return number(locale).format(count);
}

/** A size in bytes as "12.3 MiB". */
export function formatBytes(bytes, locale) {
  const unit = unitOf(bytes);
  return `${inUnit(bytes, unit, locale)} ${UNITS[unit]}`;
}

/** How many bytes of a whole, in the whole's unit: "1.1 / 5.1 GiB". */
export function formatPartOfBytes(done, total, locale) {
  const unit = unitOf(total);
  return `${inUnit(done, unit, locale)} / ${formatBytes(total, locale)}`;
}

function unitOf(bytes) {
  let unit = 0;
  while (bytes >= 1024 ** (unit + 1) && unit < UNITS.length - 1) {
    unit += 1;
  }
  return unit;
}

function inUnit(bytes, unit, locale) {
  const value = Math.max(0, bytes) / 1024 ** unit;
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return number(locale, { maximumFractionDigits: digits }).format(value);
}

/** A time span in seconds as "2 h 5 min", "3 min 20 s" or "4.7 s"; the two largest units are enough. */
export function formatDuration(seconds, locale) {
  if (seconds > 0 && seconds < 10) {
    return `${number(locale, { maximumFractionDigits: 1 }).format(seconds)} s`;
  }
  const total = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(total / 86400), "d"],
    [Math.floor((total % 86400) / 3600), "h"],
    [Math.floor((total % 3600) / 60), "min"],
    [total % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) {
    return "0 s";
  }
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(" ");
}

/** The name of a day of the week, Monday as 0; `style`: "short" or "long". */
export function formatWeekday(day, locale, style) {
  // The first of January 2024 was a Monday.
  return dateTime(locale, { weekday: style }).format(new Date(2024, 0, 1 + day));
}

/** A Unix time in seconds as a short date with the time of day. */
export function formatDateTime(unixSeconds, locale) {
  return dateTime(locale, { dateStyle: "medium", timeStyle: "short" }).format(
    new Date(unixSeconds * 1000),
  );
}

/** A Unix time in seconds as the time of day, with the date when that is another than that of `now`. */
export function formatMoment(unixSeconds, locale, now = new Date()) {
  const moment = new Date(unixSeconds * 1000);
  return moment.toDateString() === now.toDateString()
    ? dateTime(locale, { timeStyle: "short" }).format(moment)
    : formatDateTime(unixSeconds, locale);
}

/** A Unix time in seconds for a file name: `20261121_0735`. */
export function fileStamp(date = new Date()) {
  const two = (number) => String(number).padStart(2, "0");
  return (
    `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}` +
    `_${two(date.getHours())}${two(date.getMinutes())}`
  );
}
