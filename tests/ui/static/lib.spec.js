/** The page's pure functions. */
import { readFileSync } from "node:fs";
import { expect, test } from "@playwright/test";
import { applyChanges, inOrder, isMoved, NOTHING } from "../../../ui/src/lib/changes.js";
import { csvCell, csvText } from "../../../ui/src/lib/csv.js";
import {
  exclusionMatcher,
  folderPattern,
  formatExclusions,
  parseExclusions,
} from "../../../ui/src/lib/exclusions.js";
import { formatBytes, formatDuration, formatPartOfBytes } from "../../../ui/src/lib/format.js";
import { pauseAfter } from "../../../ui/src/lib/pace.js";
import { formatSchedule, parseSchedule } from "../../../ui/src/lib/schedule.js";
import {
  countOf,
  EVERY,
  existing,
  isSelected,
  NONE,
  requestOf,
  select,
} from "../../../ui/src/lib/selection.js";
import { countOfState, queryOfView, STATES, viewOfQuery } from "../../../ui/src/lib/table-view.js";
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

const conditions = JSON.parse(
  readFileSync(
    new URL("../../../imageroot/actions/list-tasks/validate-input.json", import.meta.url),
  ),
).properties.condition.items.enum;
const page = (...users) => ({ tasks: users.map((user) => `${user}_x`), total: 9, counts: {} });
const reader = { length: 3, kept: [] };

test("changes are put together to what is shown, and what stayed is the same object", () => {
  const first = applyChanges(
    NOTHING,
    answer({ full: true, tasks: [named("a"), named("b")], page: page("b", "a") }),
    reader,
  );
  expect(first.order).toEqual(["b_x", "a_x"]);
  const second = applyChanges(
    first,
    answer({
      tasks: [named("b", { state: "running" }), named("c"), named("d")],
      removed: ["a_x"],
      page: page("c", "b", "d"),
    }),
    reader,
  );
  // What is shown stays in its place, what is new comes last.
  expect([second.order, isMoved(second)]).toEqual([["b_x", "c_x", "d_x"], true]);
  expect(second.tasks.get("b_x").state).toBe("running");
  const third = applyChanges(second, answer({ page: null }), reader);
  expect(third.tasks.get("b_x")).toBe(second.tasks.get("b_x"));
  expect(isMoved(inOrder(third))).toBe(false);
  const anew = applyChanges(third, answer({ full: true, page: page() }), reader);
  expect([[...anew.tasks], anew.order]).toEqual([[], []]);
});

test("a page that is full takes no further rows, and what nobody sees is forgotten", () => {
  const tasks = ["a", "b", "c"].map((user) => named(user));
  const first = applyChanges(
    NOTHING,
    answer({ full: true, tasks, page: page("a", "b", "c") }),
    reader,
  );
  const more = answer({ tasks: [named("0")], page: page("0", "a", "b") });
  const second = applyChanges(first, more, reader);
  expect(second.order).toEqual(["a_x", "b_x", "c_x"]);
  expect([...second.tasks.keys()].sort()).toEqual(["0_x", "a_x", "b_x", "c_x"]);
  const third = applyChanges(inOrder(second), answer({ page: null }), reader);
  expect([...third.tasks.keys()].sort()).toEqual(["0_x", "a_x", "b_x"]);
  const kept = applyChanges(inOrder(second), answer({ page: null }), { ...reader, kept: ["c_x"] });
  expect(kept.tasks.has("c_x")).toBe(true);
});

test("the queue moves up without its tasks being told again", () => {
  const waiting = ["a", "b", "c"].map((user) => named(user, { state: "queued" }));
  const queue = ["a_x", "b_x", "c_x"];
  const first = applyChanges(
    NOTHING,
    answer({ full: true, tasks: waiting, queue, page: page("a", "b", "c") }),
    reader,
  );
  expect([...first.tasks.values()].map((one) => one.queue_position)).toEqual([1, 2, 3]);
  const second = applyChanges(
    first,
    answer({ tasks: [named("a", { state: "running" })], queue: ["b_x", "c_x"] }),
    reader,
  );
  expect([...second.tasks.values()].map((one) => one.queue_position)).toEqual([null, 1, 2]);
});

test("tasks are selected by name, or all but some of those that fit", () => {
  const view = { search: " x ", state: "failed" };
  const tasks = new Map(
    ["a", "b"].map((user) => [`${user}_x`, named(user, { condition: "failed" })]),
  );
  const one = select(NONE, ["a_x"], true);
  expect([isSelected(one, "a_x"), isSelected(one, "b_x"), countOf(one, 9)]).toEqual([
    true,
    false,
    1,
  ]);
  expect(requestOf(one, tasks, view)).toEqual({ tasks: [{ localuser: "a", task_id: "x" }] });
  expect(select(one, ["a_x"], false)).toEqual(NONE);
  const others = select(EVERY, ["a_x"], false);
  expect([isSelected(others, "a_x"), isSelected(others, "b_x"), countOf(others, 9)]).toEqual([
    ...[false, true, 8],
  ]);
  expect(select(others, ["a_x", "b_x"], true)).toEqual(EVERY);
  expect(requestOf(others, tasks, view)).toEqual({
    filter: { search: "x", condition: ["failed", "problems"] },
    except: [{ localuser: "a", task_id: "x" }],
  });
  // An exception that is not in the list any more is none.
  tasks.set("a_x", named("a", { condition: "running" }));
  expect(existing(others, tasks, "failed")).toEqual(EVERY);
  tasks.delete("a_x");
  expect(existing(one, tasks, "failed")).toEqual(NONE);
});

test("every task is in one state of the filter, and each condition in a state", () => {
  const counts = Object.fromEntries(conditions.map((word, at) => [word, 2 ** at]));
  const sums = STATES.filter((state) => state !== "all").map((state) =>
    countOfState(counts, state),
  );
  expect(sums.reduce((sum, one) => sum + one, 0)).toBe(countOfState(counts, "all"));
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
