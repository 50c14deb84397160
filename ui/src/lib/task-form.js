/** The form of a task: its values, the checks that need no server, and the input of create-task. */
import { brokenPattern, formatExclusions, parseExclusions } from "./exclusions.js";
import { formatSchedule, MAX_COUNT, parseSchedule } from "./schedule.js";

/** The usual ports of each encryption. */
export const DEFAULT_PORTS = { tls: 143, ssl: 993, "": 143 };

/** The port after another encryption was chosen: a usual one follows the choice, any other was meant. */
export function portAfter(port, security) {
  const usual = Object.values(DEFAULT_PORTS).map(String).includes(port);
  return usual ? String(DEFAULT_PORTS[security]) : port;
}

/** Members of create-task that have a place in the form. */
export const FORM_FIELDS = [
  "localuser",
  "remoteusername",
  "remotepassword",
  "remotehostname",
  "security",
  "remoteport",
  "tls_trust",
  "source",
  "exclude",
  "sieve_enabled",
  "delivery",
  "delete_remote_older",
  "cron",
];

/** Limits of create-task for the days after which remote messages are deleted. */
export const DAYS = { min: 1, max: 99_999, start: 15 };

const TASK_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
const TASK_ID_LENGTH = 6;

/** A new task id. 36 letters do not divide 256: the bytes that would favour some are thrown away. */
export function newTaskId() {
  let id = "";
  while (id.length < TASK_ID_LENGTH) {
    const [byte] = globalThis.crypto.getRandomValues(new Uint8Array(1));
    if (byte < 252) {
      id += TASK_ID_LETTERS[byte % TASK_ID_LETTERS.length];
    }
  }
  return id;
}

/** The values of an empty form. Numbers are text: that is what fields hold. */
export function emptyForm() {
  return {
    task_id: newTaskId(),
    localuser: "",
    remoteusername: "",
    remotepassword: "",
    remotehostname: "",
    remoteport: String(DEFAULT_PORTS.tls),
    security: "tls",
    tls_trust: "tofu",
    source: "",
    project: "",
    foldersynchronization: "all",
    sieve_enabled: false,
    delivery: "append",
    patterns: [],
    deletion: "none",
    delete_remote_older: String(DAYS.start),
    delete_local: false,
    ...scheduleValues(parseSchedule("")),
    every_minutes: "15",
    every_hours: "1",
    window_count: "30",
    window_unit: "m",
  };
}

/** The values of a form for a task of list-tasks; the password stays on the server. */
export function formOfTask(task) {
  const planned = parseSchedule(task.cron);
  const older = task.delete_remote && task.delete_remote_older > 0;
  const form = {
    ...emptyForm(),
    task_id: task.task_id,
    localuser: task.localuser,
    remoteusername: task.remoteusername,
    remotehostname: task.remotehostname,
    remoteport: String(task.remoteport),
    security: task.security,
    tls_trust: task.tls_trust || "tofu",
    source: task.source || "",
    project: task.project || "",
    foldersynchronization: task.foldersynchronization,
    sieve_enabled: task.sieve_enabled,
    delivery: task.delivery || "append",
    patterns: parseExclusions(task.exclude),
    deletion: older ? "older" : task.delete_remote ? "each" : "none",
    delete_local: task.delete_local,
    ...scheduleValues(planned),
  };
  if (older) {
    form.delete_remote_older = String(task.delete_remote_older);
  }
  return form;
}

/** The values of the form for a schedule of `parseSchedule`. */
function scheduleValues({ mode, count, unit, days, at, from, to, date }) {
  return {
    schedule: mode,
    ...(mode === "minutes" || mode === "hours" ? { [`every_${mode}`]: String(count) } : {}),
    ...(mode === "window" ? { window_count: String(count), window_unit: unit } : {}),
    ...{ at_days: days, at_time: at, window_from: from, window_to: to, at_date: date },
  };
}

function scheduleOf(form) {
  return formatSchedule({
    mode: form.schedule,
    count: Number(form.schedule === "window" ? form.window_count : form[`every_${form.schedule}`]),
    unit: form.window_unit,
    days: form.at_days,
    at: form.at_time,
    from: form.window_from,
    to: form.window_to,
    date: form.at_date,
  });
}

/** The members that describe the remote account: input of test-remote and list-remote-folders. */
export function remoteAccount(form, isNew) {
  const account = {
    remoteusername: form.remoteusername,
    remotepassword: form.remotepassword,
    remotehostname: form.remotehostname,
    remoteport: Number(form.remoteport),
    security: form.security,
    tls_trust: form.tls_trust,
  };
  // Without a new password the server takes the stored one of this task.
  return isNew ? account : { ...account, localuser: form.localuser, task_id: form.task_id };
}

/** The members of create-task for an account at a source, which has the server and most often the password. */
function sourceAccount(form) {
  const { localuser, task_id, remoteusername, remotepassword, source } = form;
  const account = { localuser, task_id, remoteusername, source };
  return remotepassword ? { ...account, remotepassword } : account;
}

/** The input of create-task. */
export function taskInput(form) {
  const older = form.deletion === "older" ? Number(form.delete_remote_older) : 0;
  return {
    ...(form.source ? sourceAccount(form) : remoteAccount(form, false)),
    delete_local: form.delete_local,
    delete_remote: form.deletion !== "none",
    delete_remote_older: older,
    exclude: form.foldersynchronization === "exclusion" ? formatExclusions(form.patterns) : "",
    cron: scheduleOf(form),
    // A task stays in the project that it has.
    ...(form.project ? { project: form.project } : {}),
    foldersynchronization: form.foldersynchronization,
    sieve_enabled: form.foldersynchronization === "inbox" && form.sieve_enabled,
    delivery: form.foldersynchronization === "inbox" ? form.delivery : "append",
  };
}

/**
 * The mistakes in the remote account's fields.
 *
 * @returns {Object<string, {error: string}>} by field: a key of the texts `validation.<error>` and its arguments
 */
export function checkRemote(form, isNew) {
  const errors = {};
  if (form.source) {
    return form.remoteusername ? errors : { remoteusername: { error: "required" } };
  }
  for (const field of ["remoteusername", "remotehostname"]) {
    if (!form[field]) {
      errors[field] = { error: "required" };
    }
  }
  if (isNew && !form.remotepassword) {
    errors.remotepassword = { error: "password_required" };
  }
  if (!isWithin(form.remoteport, 1, 65_535)) {
    errors.remoteport = { error: "range", min: 1, max: 65_535 };
  }
  return errors;
}

/** The mistakes in all fields, as `checkRemote` gives them. */
export function checkForm(form, isNew) {
  return Object.assign(
    form.localuser ? {} : { localuser: { error: "required" } },
    checkRemote(form, isNew),
    ...["folders", "deletion", "schedule"].map((part) => checkPart(part, form)),
  );
}

/** The parts of the form that stand for themselves: the members of create-task that are theirs. */
export const PARTS = {
  source: ["source"],
  folders: ["foldersynchronization", "exclude", "sieve_enabled", "delivery"],
  deletion: ["delete_remote", "delete_remote_older"],
  schedule: ["cron"],
};

/** The members of create-task that belong to some of PARTS. */
export function changesOf(form, parts) {
  const input = taskInput(form);
  return Object.fromEntries(
    parts.flatMap((part) => PARTS[part]).map((member) => [member, input[member]]),
  );
}

/** The mistakes in one of PARTS. */
export function checkPart(part, form) {
  const mistake = PART_CHECKS[part](form);
  return mistake ? { [MISTAKEN[part]]: mistake } : {};
}

/** The field at which a mistake of a part is shown. */
const MISTAKEN = {
  source: "source",
  folders: "exclude",
  deletion: "delete_remote_older",
  schedule: "cron",
};

const PART_CHECKS = {
  source: (form) => (form.source ? null : { error: "required" }),
  folders: (form) =>
    form.foldersynchronization === "exclusion" ? checkPatterns(form.patterns) : null,
  deletion: (form) =>
    form.deletion === "older" && !isWithin(form.delete_remote_older, DAYS.min, DAYS.max)
      ? { error: "range", min: DAYS.min, max: DAYS.max }
      : null,
  schedule: (form) => {
    const max = MAX_COUNT[form.schedule === "window" ? form.window_unit : form.schedule];
    const count = form.schedule === "window" ? form.window_count : form[`every_${form.schedule}`];
    if (max && !isWithin(count, 1, max)) {
      return { error: "range", min: 1, max };
    }
    return PLAN_CHECKS[form.schedule]?.(form) ?? null;
  },
};

/** What is missing in a schedule by day, hour and date. */
const PLAN_CHECKS = {
  daily: (form) => (form.at_time && form.at_days.length ? null : { error: "schedule_incomplete" }),
  once: (form) => (form.at_time && form.at_date ? null : { error: "schedule_incomplete" }),
  window: (form) =>
    form.at_days.length === 0
      ? { error: "schedule_incomplete" }
      : Number(form.window_from) === Number(form.window_to) % 24 && form.window_from !== "00"
        ? { error: "schedule_empty_window" }
        : null,
};

function checkPatterns(patterns) {
  if (!patterns.length) {
    return { error: "patterns_required" };
  }
  const comma = patterns.find((pattern) => pattern.includes(","));
  if (comma !== undefined) {
    return { error: "pattern_with_comma", value: comma };
  }
  const broken = brokenPattern(patterns);
  return broken < 0 ? null : { error: "broken_pattern", value: patterns[broken] };
}

function isWithin(text, min, max) {
  return /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max;
}
