/** Projects: their stages, their form, and how the states of their mailboxes are ordered. */

/** In the order in which a wave goes through them. */
export const STAGES = ["prepared", "pre-stage", "full", "delta", "final", "after", "closed"];

/** The values of an empty form. Numbers are text: that is what fields hold. */
export function emptyProject() {
  return {
    project: "",
    title: "",
    stage: "prepared",
    before_days: "90",
    cron: "",
    jobs: "0",
    paused: false,
  };
}

/** The values of a form for a row of list-projects. */
export function formOfProject(row) {
  const { project, title, stage, before_days, cron, jobs, paused } = row;
  return { project, title, stage, before_days: `${before_days}`, cron, jobs: `${jobs}`, paused };
}

/** The input of set-project. */
export function projectInput(form) {
  return { ...form, before_days: Number(form.before_days), jobs: Number(form.jobs) };
}

/** How much of a project is there, in percent by bytes, else by mailboxes; null while nothing is known. */
export function percentDone(facts) {
  if (facts.bytes_total > 0 && !facts.not_counted) {
    return (100 * facts.bytes_done) / facts.bytes_total;
  }
  return facts.mailboxes_total ? (100 * facts.mailboxes_complete) / facts.mailboxes_total : null;
}

/** States that some mailbox is in, with their numbers, in the order of the way. */
export function statesOf(facts) {
  return Object.entries(facts.states).filter(([, count]) => count > 0);
}

/** The width and height of the chart of a mailbox's runs. */
const CHART = { width: 336, height: 60, widest: 16 };

/** A bar for each run, as high as the messages that it brought: `{x, width, height}`. */
export function barsOf(runs) {
  const highest = Math.max(1, ...runs.map((run) => run.messages_transferred));
  const step = Math.min(CHART.widest, CHART.width / Math.max(1, runs.length));
  return runs.map(({ messages_transferred: messages }, index) => ({
    x: index * step + step * 0.1,
    width: step * 0.8,
    // A bar that stands for something is never invisible.
    height: messages ? Math.max(2, (CHART.height * messages) / highest) : 0,
  }));
}

/** What an audit foresees for a mailbox: `[name, count]` of what there is any of. */
export function foreseenOf(audit) {
  const { too_large: large, renamed_total: renamed, impossible, days } = audit;
  return Object.entries({
    too_large: large ?? 0,
    renamed,
    impossible: impossible.length,
    days: days > 1 ? days : 0,
  }).filter(([, count]) => count > 0);
}
