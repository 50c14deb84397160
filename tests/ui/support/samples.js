/** Replies of a node with all kinds of tasks. */

const NOW = Math.floor(Date.parse("2026-11-21T08:00:00Z") / 1000);

/** Markup as a mail server or a sender could put it into a name. */
export const MARKUP = '<img src=x onerror="window.top.hacked=1">';

/** The node's own word for how it stands with a task, where a sample does not say it. */
function conditionOf({ state, result }) {
  if (state === "running" || state === "queued") {
    return state === "running" ? "running" : "waiting";
  }
  if (!result) {
    return "never";
  }
  if (result.messages_failed && (result.error === null || result.exit_code === 0)) {
    return "problems";
  }
  return result.exit_code === 0 ? "done" : "failed";
}

export function task(changes = {}) {
  return {
    condition: conditionOf(changes),
    interrupted_percent: null,
    task_id: "a0241w",
    localuser: "anna",
    remoteusername: "anna@example.org",
    remotehostname: "imap.example.org",
    remoteport: "993",
    security: "ssl",
    delete_local: false,
    deletefolder: "",
    exclude: "",
    delete_remote: false,
    delete_remote_older: 0,
    sieve_enabled: false,
    expunge_remote: "",
    cron: "",
    folder_inbox: "",
    foldersynchronization: "all",
    remotepassword: "",
    tls_trust: "tofu",
    service_running: false,
    state: "stopped",
    queue_position: null,
    progress: null,
    result: null,
    last_sync_timestamp: null,
    last_sync_exit_code: null,
    has_log: false,
    schedule_paused: false,
    error: null,
    ...changes,
  };
}

export function result(changes = {}) {
  return {
    exit_code: 0,
    exit_name: "EX_OK",
    started_at: NOW - 700,
    ended_at: NOW - 600,
    seconds: 100,
    messages_transferred: 1234,
    messages_skipped: 0,
    messages_failed: 0,
    bytes_transferred: 98_765_432,
    messages_here: 1234,
    bytes_here: 98_765_432,
    error: null,
    error_side: null,
    run_again_at: null,
    brake_messages: null,
    brake_of: null,
    ...changes,
  };
}

export const progress = {
  version: 1,
  pid: 1,
  phase: "copying",
  started_at: NOW - 60,
  updated_at: NOW,
  folder: "INBOX",
  folders_done: 3,
  folders_total: 12,
  messages_done: 12_345,
  messages_total: 54_321,
  bytes_done: 1_234_567_890,
  bytes_total: 5_432_109_876,
  messages_per_second: 431.2,
  bytes_per_second: 41_000_000,
  ...{ eta_seconds: 102, eta_least_seconds: 102, eta_most_seconds: 102 },
  failures: 0,
};

const done = (changes) => ({
  has_log: true,
  last_sync_timestamp: NOW - 700,
  last_sync_exit_code: 0,
  result: result(changes),
});

/** A table with every state and result there is. */
export function everyKindOfTask() {
  return [
    task({ state: "running", service_running: true, has_log: true, progress, cron: "15m" }),
    task({
      task_id: "conn01",
      localuser: "bruno",
      remoteusername: "bruno@example.org",
      state: "running",
      service_running: true,
      progress: { ...progress, phase: "connecting", messages_total: 0, bytes_total: 0 },
    }),
    task({ task_id: "queue1", localuser: "carla", state: "queued", queue_position: 1, cron: "1h" }),
    task({
      task_id: "good01",
      localuser: "dario",
      foldersynchronization: "inbox",
      sieve_enabled: true,
      ...done(),
    }),
    task({
      task_id: "part01",
      localuser: "elena",
      foldersynchronization: "exclusion",
      exclude: "^Junk$,^Trash$",
      ...done({ exit_code: 114, messages_failed: 3 }),
    }),
    task({
      task_id: "auth01",
      localuser: "fabio",
      delete_remote: true,
      delete_remote_older: 15,
      ...done({ exit_code: 161, error: "authentication" }),
    }),
    task({
      task_id: "brake1",
      localuser: "gina",
      delete_local: true,
      ...done({ exit_code: 123, error: "brake_delete", brake_messages: 1204, brake_of: 1800 }),
    }),
    task({
      task_id: "quota1",
      localuser: "hans",
      ...done({ exit_code: 113, error: "overquota", messages_failed: 1204 }),
    }),
    task({
      task_id: "broken",
      localuser: "ivo",
      error: "line 3: REMOTEPORT is not a number",
      remotehostname: "",
      remoteport: "",
    }),
    task({
      task_id: "plain1",
      localuser: "a.very.long.local.user.name@subdomain.example.org",
      remoteusername: "an.even.longer.remote.user.name@department.company.example.org*vmail",
      remotehostname: "imap.department.of.long.names.company.example.org",
      remoteport: "143",
      security: "",
      cron: "mon-fri 30m 20-06",
      schedule_paused: true,
      delete_remote: true,
    }),
  ];
}

/** What everyKindOfTask has not: waits that a server asked for, runs that came to no end. */
export function furtherConditions() {
  const parked = (until) =>
    done({ exit_code: 124, error: "parked", error_side: "host1", run_again_at: until });
  return [
    task({
      ...{ task_id: "parked", localuser: "jana", condition: "server", cron: "1h" },
      ...parked("2099-11-21T13:05:00Z"),
    }),
    task({
      ...{ task_id: "parked", localuser: "karl", condition: "server" },
      ...parked("2026-11-21T07:55:00Z"),
    }),
    task({
      ...{ task_id: "waits1", localuser: "lea", condition: "server", state: "running" },
      progress: {
        ...progress,
        ...{ phase: "waiting", waiting_until: 4_099_000_000, waiting_for: "host2" },
        eta_seconds: null,
      },
    }),
    task({
      ...{ task_id: "cut001", localuser: "mia", condition: "interrupted" },
      interrupted_percent: 37,
    }),
    task({
      ...{ task_id: "cut002", localuser: "nina", condition: "interrupted" },
      ...{ state: "queued", queue_position: 1 },
    }),
    task({ task_id: "stop01", localuser: "otto", condition: "stopped", ...done() }),
    task({
      ...{ task_id: "vanish", localuser: "paul", delete_remote: true },
      ...done({ exit_code: 125, error: "brake_vanished", brake_messages: 12, brake_of: 20 }),
    }),
    task({
      ...{ task_id: "gone01", localuser: "rosa" },
      ...done({
        messages_transferred: 10,
        messages_skipped: 5,
        messages_here: 12,
        bytes_here: null,
      }),
    }),
  ];
}

/** `count` tasks for the tests of speed. */
export function manyTasks(count) {
  const kinds = everyKindOfTask();
  return Array.from({ length: count }, (_, index) => ({
    ...kinds[index % kinds.length],
    task_id: `t${String(index).padStart(5, "0")}`,
    localuser: `user${String(index).padStart(5, "0")}`,
  }));
}

const mailboxes = ["anna", "bruno", "carla", "dario"].map((name) => ({
  name,
  label: name,
  value: name,
}));

export function taskList(tasks, changes = {}) {
  return {
    enabled_mailboxes: mailboxes,
    mailboxes_error: null,
    schedules_paused: false,
    user_properties: tasks,
    ...changes,
  };
}

export const configuration = {
  mail_server: "8dd3b3fe-609c-42f7-a2d1-cecba9461bea",
  mail_host: "127.77.1.2",
  max_parallel: 4,
  allowed_hosts: ["10.5.4.7"],
  schedules_paused: false,
  mail_server_URL: [
    {
      name: "mail1",
      label: "mail1 (mail.example.org)",
      value: "8dd3b3fe-609c-42f7-a2d1-cecba9461bea,127.77.1.2",
    },
    { name: "mail2", label: "mail2 (posta.example.org)", value: "uuid-of-mail2,127.77.1.9" },
  ],
};

const hours = Array.from({ length: 168 }, (_, index) => ({
  start: NOW - (167 - index) * 3600,
  messages: index % 24 > 7 ? (index * 37) % 900 : 0,
  bytes: index % 24 > 7 ? (index * 3_700_000) % 90_000_000 : 0,
  failed: index % 50 === 0 ? 2 : 0,
  runs: 3,
}));

export const statistics = {
  hours,
  day: { messages: 6543, bytes: 654_321_000, failed: 0, runs: 72 },
  week: { messages: 54_321, bytes: 5_432_109_876, failed: 6, runs: 504 },
};

export const status = {
  instance: "imapsync1",
  ui_name: "",
  node: "1",
  node_ui_name: "leader",
  services: [{ name: "imapsync", active: true, failed: false, enabled: true }],
  images: [
    { name: "ghcr.io/nethserver/imapsync-binary:1.0.0", size: "187 MB", created: "2 hours ago" },
  ],
  volumes: [],
};

export const certificate = {
  subject: "CN=imap.example.org",
  issuer: "CN=Example private authority,O=Example",
  expires: "2028-03-01T12:00:00Z",
  fingerprint: Array.from({ length: 32 }, (_, index) =>
    (index * 7 + 16).toString(16).padStart(2, "0").toUpperCase(),
  ).join(":"),
  trusted: false,
};

const folder = (name, messages, bytes, special = null) => ({
  name,
  delimiter: "/",
  special_use: special,
  selectable: messages !== null,
  messages,
  size_bytes: bytes,
});

export const folders = [
  folder("Archive", 12_000, 3_456_789_012, "\\Archive"),
  folder("Archive/2024", 4_321, 987_654_321),
  folder("Archive/2025", 5_432, 1_234_567_890),
  folder("Drafts", 3, 12_345, "\\Drafts"),
  folder("INBOX", 1_234, 345_678_901),
  folder("Junk", 567, 5_678_901, "\\Junk"),
  folder("Posta è inviata (2023)", 77, 7_777_777, "\\Sent"),
  folder(`Projects/${MARKUP}`, 2, 2_048),
  folder("Shared", null, null),
];

export const failures = [
  {
    folder: "INBOX",
    uid: 4711,
    message_id: "<1@example.org>",
    subject: "Annual report",
    date: "2026-10-01T10:00:00+02:00",
    size_bytes: 52_428_800,
    reason: "too_big",
    server_text: "NO [TOOBIG] Requested message size exceeds limit",
    remedy: "raise_size_limit",
  },
  {
    folder: MARKUP,
    uid: 12,
    message_id: null,
    subject: `=HYPERLINK("http://example.org") ${MARKUP}`,
    date: null,
    size_bytes: 1200,
    reason: "append",
    server_text: `NO ${MARKUP}`,
    remedy: "look_at_message",
  },
  {
    folder: "Archive/2025",
    uid: 13,
    message_id: "<2@example.org>",
    subject: null,
    date: "2025-01-01T00:00:00Z",
    size_bytes: null,
    reason: "overquota",
    server_text: "NO [OVERQUOTA] Quota exceeded (mailbox for user is full)",
    remedy: "free_space",
  },
];

const csvRow = (row, status, changes = {}, errors = []) => ({
  row,
  status,
  task_id: status === "existing" ? "a0241w" : null,
  values: {
    localusername: `user${row}`,
    remoteusername: `user${row}@example.org`,
    remotehostname: "imap.example.org",
    remoteport: "993",
    security: "ssl",
    ...changes,
  },
  errors,
});

/** Rows of a CSV file of every kind. */
export const csvCheck = {
  valid: true,
  error: null,
  columns: [
    "localusername",
    "remoteusername",
    "remotepassword",
    "remotehostname",
    "remoteport",
    "security",
  ],
  rows: [
    csvRow(2, "new"),
    csvRow(3, "existing"),
    csvRow(4, "repeated"),
    csvRow(5, "invalid", { remoteport: "no port", security: MARKUP }, [
      { field: "remoteport", error: "invalid_value", text: "Invalid port" },
      { field: "security", error: "unknown_key", text: `Invalid ${MARKUP}` },
    ]),
    csvRow(6, "new", {
      remoteusername: "an.even.longer.remote.user.name@department.company.example.org*vmail",
    }),
  ],
  counts: { new: 2, existing: 1, repeated: 1, invalid: 1 },
};

export const csvResults = {
  results: [
    {
      row: 2,
      status: "created",
      localuser: "user2",
      task_id: "b1c2d3",
      field: null,
      error: null,
      text: "",
    },
    {
      row: 6,
      status: "failed",
      localuser: "user6",
      task_id: null,
      field: "remotepassword",
      error: "bad_user_credentials",
      text: "the remote server refused the user or password",
    },
  ],
  created: 1,
  updated: 0,
  skipped: 0,
  failed: 1,
  not_done: 0,
};

/** What run-tasks tells at its end. */
export function bulkRun(changes = {}) {
  const { total = 1 } = changes;
  return {
    ...{ id: "9f3a01c2", verb: "start", total, done: total, failed: 0, failures: [] },
    ...{ began_at: NOW - 5, ended_at: NOW },
    ...changes,
  };
}

/** What get-import tells of csvResults. */
export function lastImport(changes = {}) {
  return {
    ...{ id: "9f3a01c2", began_at: NOW - 90, ended_at: NOW, total: 2, done: 2 },
    results: csvResults.results.map((one) => ({
      ...one,
      remoteusername: `${one.localuser}@x.org`,
    })),
    ...changes,
  };
}

const keyOf = (one) => `${one.localuser}_${one.task_id}`;

const CONDITIONS = [
  ...["running", "server", "waiting", "interrupted"],
  ...["failed", "problems", "stopped", "done", "never"],
];

/** What a view of list-changes shows of some tasks, as far as tests look at it. */
function pageOf(tasks, { search = "", condition = [], sort, descending, page = 1, length = 100 }) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const members = ["localuser", "remoteusername", "remotehostname", "task_id"];
  const near = tasks.filter((one) => {
    const text = members.map((name) => one[name].toLowerCase()).join("\n");
    return words.every((word) => text.includes(word));
  });
  const wordOf = (one) => (one.error === null ? one.condition : "failed");
  const valueOf = (one) =>
    sort === "condition" ? CONDITIONS.indexOf(wordOf(one)) : String(one[sort]).toLowerCase();
  const fit = near
    .filter((one) => !condition.length || condition.includes(wordOf(one)))
    .map((one) => [valueOf(one), keyOf(one)])
    .sort(([a, keyA], [b, keyB]) => (a === b ? (keyA < keyB ? -1 : 1) : a < b ? -1 : 1))
    .map(([, key]) => key);
  return {
    tasks: (descending ? fit.reverse() : fit).slice((page - 1) * length, page * length),
    total: fit.length,
    counts: Object.fromEntries(
      CONDITIONS.map((word) => [word, near.filter((one) => wordOf(one) === word).length]),
    ),
  };
}

/**
 * The actions of a node that a page asks again and again, made from its list-tasks: what changed since a version, the
 * counts, the mailboxes.
 */
export function followers(listTasks) {
  const known = new Map();
  let version = 0;
  let queue = "[]";
  const failed = ({ error, result, last_sync_exit_code: code }) =>
    error !== null || (result ? result.exit_code || result.messages_failed : code);
  const from = (make) => async (data) => {
    const answer = await listTasks(data);
    return Array.isArray(answer?.user_properties) ? make(answer, data) : answer;
  };
  return {
    "list-changes": from(({ user_properties: tasks, schedules_paused: paused }, data) => {
      const since = Number(/^v(\d+)$/.exec(data?.since)?.[1] ?? -1);
      const next = version + 1;
      const present = new Set(tasks.map(keyOf));
      for (const [key, entry] of known) {
        if (!present.has(key) && !entry.gone) {
          known.set(key, { gone: true, version: (version = next) });
        }
      }
      for (const one of tasks) {
        const source = JSON.stringify({ ...one, queue_position: null });
        if (known.get(keyOf(one))?.source !== source) {
          known.set(keyOf(one), { source, version: (version = next) });
        }
      }
      const waiting = tasks
        .filter((one) => one.queue_position)
        .sort((a, b) => a.queue_position - b.queue_position)
        .map(keyOf);
      const moved = JSON.stringify(waiting) !== queue;
      queue = JSON.stringify(waiting);
      const shown = new Set(data?.shown ?? []);
      const page = data?.view && since !== version ? pageOf(tasks, data.view) : null;
      const isTold = (one) =>
        shown.has(keyOf(one))
          ? known.get(keyOf(one)).version > since
          : Boolean(page?.tasks.includes(keyOf(one)));
      return {
        version: `v${version}`,
        full: since < 0,
        schedules_paused: paused,
        tasks: tasks.filter(isTold),
        removed: since === version ? [] : [...shown].filter((key) => !present.has(key)),
        queue: since < 0 || moved ? waiting : null,
        page,
      };
    }),
    "get-task-counts": from(({ user_properties: tasks, schedules_paused: paused }) => ({
      total: tasks.length,
      running: tasks.filter(({ state }) => state === "running").length,
      queued: tasks.filter(({ state }) => state === "queued").length,
      failed: tasks.filter(failed).length,
      never: tasks.filter((one) => !failed(one) && !one.result).length,
      schedules_paused: paused,
    })),
    "list-mailboxes": from(({ enabled_mailboxes: mailboxes, mailboxes_error: error }) => ({
      enabled_mailboxes: mailboxes,
      mailboxes_error: error,
      delivers: true,
    })),
  };
}

/** Actions of a node in daily use; a test replaces the ones it is about. */
export function actions(tasks = everyKindOfTask()) {
  return {
    "get-name": () => ({ name: "" }),
    "get-status": () => status,
    "get-configuration": () => configuration,
    "configure-module": () => ({ ...configuration }),
    "get-statistics": () => statistics,
    "list-sources": () => ({ sources: [] }),
    "get-notices": () => ({
      ...{ addresses: ["admin@example.org"], sender: "", language: "en" },
      ...{ hours: "08-18", no_success_hours: 48, smarthost: true },
    }),
    "list-tasks": () => taskList(tasks),
    "list-informations": () => ({
      status: true,
      host1Folders: 78,
      host1Messages: 164_625,
      host1Sizes: 3_060_488_650,
      host2Folders: 78,
      host2Messages: 155,
      host2Sizes: 72_036_894,
    }),
    "get-log": () => ({
      log_content: Array.from(
        { length: 400 },
        (_, n) => `line ${n}: msg INBOX/${n} copied, ${MARKUP}`,
      ).join("\n"),
      truncated: true,
    }),
    "list-failures": () => ({ failures, total: failures.length }),
    "list-remote-folders": () => ({ folders }),
    "test-remote": () => ({
      ok: true,
      error: null,
      field: null,
      server_text: "",
      certificate: { ...certificate, trusted: true },
      capabilities: [],
    }),
    "create-task": ({ localuser, task_id: id }) => ({ localuser, task_id: id }),
    "start-task": () => null,
    "stop-task": () => null,
    "delete-task": () => null,
    "run-tasks": ({ verb, tasks: asked, expected }) =>
      bulkRun({ verb, total: asked?.length ?? expected }),
    "get-tasks-run": () => ({ run: null, running: false }),
    "start-all-tasks": () => null,
    "stop-all-tasks": () => null,
    "pause-schedules": () => ({ paused: true }),
    "resume-schedules": () => null,
    "check-csv-tasks": () => csvCheck,
    "import-csv-tasks": () => csvResults,
    "get-import": () => ({ import: null, running: false }),
    "list-installed-modules": () => ({
      "ghcr.io/nethserver/imapsync": [
        { id: "imapsync1", version: "1.0.0", node: "1", ui_name: "" },
      ],
    }),
    "list-backup-repositories": () => ({ repositories: [] }),
    "list-backups": () => ({ backups: [] }),
  };
}
