/** The page's pure functions. */
import { expect, test } from "@playwright/test";
import { applyChanges, NOTHING } from "../../../ui/src/lib/changes.js";
import { csvCell, csvText } from "../../../ui/src/lib/csv.js";
import {
  exclusionMatcher,
  folderPattern,
  formatExclusions,
  parseExclusions,
} from "../../../ui/src/lib/exclusions.js";
import { formatBytes, formatDuration, formatPartOfBytes } from "../../../ui/src/lib/format.js";
import { pauseAfter } from "../../../ui/src/lib/pace.js";
import { formatSchedule, parseSchedule, periodOf } from "../../../ui/src/lib/schedule.js";
import { queryOfView, viewOfQuery } from "../../../ui/src/lib/table-view.js";
import { checkPart, emptyForm, formOfTask, taskInput } from "../../../ui/src/lib/task-form.js";
import { decodeText } from "../../../ui/src/lib/text-file.js";
import { task } from "../support/samples.js";

for (const [value, cell] of [
  ["plain", '"plain"'],
  ['say "hi", you', '"say ""hi"", you"'],
  ["=1+1", `"'=1+1"`],
  ["+39 055", `"'+39 055"`],
  ["-1", `"'-1"`],
  ["@sum", `"'@sum"`],
  ["\t=1", `"'\t=1"`],
  [null, ""],
  [-5, "-5"],
  ["line\nbreak", '"line\nbreak"'],
]) {
  test(`CSV cell of ${JSON.stringify(value)}`, () => expect(csvCell(value)).toBe(cell));
}

test("CSV text has a byte order mark and RFC 4180 lines", () => {
  expect(
    csvText([
      ["a", "b"],
      [1, null],
    ]),
  ).toBe('\uFEFF"a","b"\r\n1,\r\n');
});

for (const [name, delimiter, inside, outside] of [
  [
    "Archive",
    "/",
    ["Archive", "Archive/2024", "Archive/2024/x"],
    ["Archives", "My/Archive", "archive"],
  ],
  ["a.b", ".", ["a.b", "a.b.c"], ["aXb", "a.bc"]],
  ["100% (done)", "/", ["100% (done)"], ["100% done"]],
  ["x,y", "/", ["x,y", "x,y/z"], ["xy"]],
  ["flat", "", ["flat"], ["flat/x"]],
  ["INBOX", ".", ["INBOX"], ["INBOX.Sent"]],
]) {
  test(`pattern of folder ${name}`, () => {
    const excludes = exclusionMatcher(
      parseExclusions(formatExclusions([folderPattern(name, delimiter)])),
    );
    expect(inside.filter((folder) => !excludes(folder))).toEqual([]);
    expect(outside.filter((folder) => excludes(folder))).toEqual([]);
  });
}

test("blank entries of the exclusions match nothing", () => {
  expect(parseExclusions(",a,, b ,")).toEqual(["a", "b"]);
  expect(exclusionMatcher(parseExclusions(",,"))("INBOX")).toBe(false);
});

test("sizes and times", () => {
  expect(formatBytes(0, "en")).toBe("0 B");
  expect(formatBytes(1536, "en")).toBe("1.5 KiB");
  expect(formatBytes(1536, "it")).toBe("1,5 KiB");
  expect(formatBytes(5 * 1024 ** 4, "en")).toBe("5 TiB");
  expect(formatPartOfBytes(512 * 1024, 2 * 1024 ** 2, "en")).toBe("0.5 / 2 MiB");
  expect(formatDuration(0)).toBe("0 s");
  expect(formatDuration(102)).toBe("1 min 42 s");
  expect(formatDuration(3600)).toBe("1 h");
  expect(formatDuration(90_061)).toBe("1 d 1 h");
});

for (const cron of [
  ...[
    "",
    "live",
    "5m",
    "59m",
    "1h",
    "23h",
    "22:00",
    "mon-fri 22:00",
    "mon,tue 08:05",
    "mon-wed,sat,sun 23:59",
  ],
  ...["30m 20-06", "mon-fri 2h 08-18", "sat,sun 1h 00-24", "2026-12-24 22:00"],
]) {
  test(`schedule ${cron || "by hand"} survives the form`, () => {
    expect(formatSchedule(parseSchedule(cron))).toBe(cron);
    const form = formOfTask(task({ cron }));
    expect(taskInput(form).cron).toBe(cron);
    expect(checkPart("schedule", form)).toEqual({});
  });
}

test("schedules are ordered by how often a task runs", () => {
  const order = ["5m", "30m 20-06", "1h", "22:00", "mon 22:00", "2026-12-24 22:00", ""];
  expect([...order].sort((one, other) => periodOf(one) - periodOf(other))).toEqual(order);
});

for (const [name, values] of [
  ["no day", { schedule: "daily", at_days: [] }],
  ["no time", { schedule: "daily", at_time: "" }],
  ["no date", { schedule: "once", at_date: "" }],
  ["a window of nothing", { schedule: "window", window_from: "06", window_to: "06" }],
  ["60 minutes", { schedule: "window", window_count: "60" }],
  ["24 hours", { schedule: "window", window_unit: "h", window_count: "24" }],
]) {
  test(`a schedule with ${name} is told before it is sent`, () =>
    expect(Object.keys(checkPart("schedule", { ...emptyForm(), ...values }))).toEqual(["cron"]));
}

for (const [name, bytes, text, guessed] of [
  ["UTF-8", [0xc3, 0xa8], "è", false],
  ["UTF-8 with mark", [0xef, 0xbb, 0xbf, 0x61], "a", false],
  ["UTF-16 little endian", [0xff, 0xfe, 0xe8, 0x00], "è", false],
  ["UTF-16 big endian", [0xfe, 0xff, 0x00, 0xe8], "è", false],
  ["Windows-1252", [0x61, 0xe8], "aè", true],
]) {
  test(`a file in ${name} is read`, () =>
    expect(decodeText(new Uint8Array(bytes))).toEqual({ text, guessed }));
}

const SECOND = 1000;
const HOUR = 3600 * SECOND;

for (const [busy, untouchedMs, pause] of [
  [true, 0, 2],
  [false, 0, 10],
  [true, HOUR / 20, 10],
  [false, HOUR / 20, 30],
  [true, HOUR, 60],
  [false, 48 * HOUR, 60],
]) {
  const what = `${busy ? "busy" : "idle"}, untouched for ${untouchedMs / SECOND} s`;
  test(`a page asks again after ${pause} s: ${what}`, () =>
    expect(pauseAfter({ busy, untouchedMs })).toBe(pause * SECOND));
}

const named = (localuser, more = {}) => ({
  localuser,
  task_id: "x",
  state: "stopped",
  queue_position: null,
  ...more,
});
const answer = (more) => ({
  version: "v",
  full: false,
  schedules_paused: false,
  tasks: [],
  removed: [],
  queue: null,
  ...more,
});

test("changes are put together to the whole list, and what stayed is the same object", () => {
  const first = applyChanges(NOTHING, answer({ full: true, tasks: [named("a"), named("b")] }));
  const second = applyChanges(
    first,
    answer({ tasks: [named("b", { state: "running" }), named("c")], removed: ["a_x"] }),
  );
  expect([...second.tasks.keys()]).toEqual(["b_x", "c_x"]);
  expect(second.tasks.get("b_x").state).toBe("running");
  const third = applyChanges(second, answer());
  expect(third.tasks.get("b_x")).toBe(second.tasks.get("b_x"));
  expect([...applyChanges(third, answer({ full: true })).tasks]).toEqual([]);
});

test("the queue moves up without its tasks being told again", () => {
  const waiting = ["a", "b", "c"].map((user) => named(user, { state: "queued" }));
  const queue = ["a_x", "b_x", "c_x"];
  const first = applyChanges(NOTHING, answer({ full: true, tasks: waiting, queue }));
  expect([...first.tasks.values()].map((one) => one.queue_position)).toEqual([1, 2, 3]);
  const second = applyChanges(
    first,
    answer({ tasks: [named("a", { state: "running" })], queue: ["b_x", "c_x"] }),
  );
  expect([...second.tasks.values()].map((one) => one.queue_position)).toEqual([null, 1, 2]);
});

test("the view of the tasks survives the address, and no address breaks it", () => {
  const view = {
    search: "a b",
    state: "failed",
    sort: "cron",
    descending: true,
    page: 3,
    length: 50,
  };
  expect(viewOfQuery(queryOfView(view))).toEqual(view);
  const plain = viewOfQuery({});
  for (const odd of [
    { at: "0" },
    { at: "1e9" },
    { length: "11" },
    { sort: "__proto__" },
    { state: "x" },
  ]) {
    expect(viewOfQuery(odd)).toEqual(plain);
  }
  // The library makes a boolean of such a search.
  expect(viewOfQuery({ search: true }).search).toBe("true");
});
