/**
 * One action on many tasks, done by the node: the page may be left or closed meanwhile, and whoever opens it later sees
 * how far it is, or how it went, until somebody dismisses it. A mixin for the page Tasks.
 */
import { runModuleAction } from "./api";
import { errorText, validationText } from "./errors";
import { taskFeed } from "./task-feed";

/** How often one that somebody else began is asked about. */
const ASK_AGAIN_MS = 2_000;
/** Failures that are told in a sentence each. */
const MAX_TOLD = 5;

export default {
  data: () => ({
    /** Answer of get-tasks-run */
    bulk: { run: null, running: false },
  }),
  computed: {
    /** What goes on: `{title, percent}`, or null. */
    bulkShown() {
      const { run, running } = this.bulk;
      return running && run
        ? {
            title: this.$t(`bulk.doing_${run.verb}`, { done: run.done, total: run.total }),
            percent: (100 * run.done) / run.total,
          }
        : null;
    },
    /** How the last one went: `{kind, title, lines}`, or null. */
    bulkResult() {
      const { run, running } = this.bulk;
      if (running || !run) {
        return null;
      }
      const whole = run.ended_at !== null;
      const good = run.done - run.failed;
      return {
        kind: whole && !run.failed ? "success" : "warning",
        title: this.$tc(`bulk.done_${run.verb}`, good, { n: good }),
        lines: [
          ...(whole ? [] : [this.$t("bulk.cut_off", { done: run.done, total: run.total })]),
          ...(run.failed ? this.failureLines(run) : []),
        ],
      };
    },
  },
  created() {
    this.askBulk();
  },
  beforeDestroy() {
    clearTimeout(this.bulkTimer);
  },
  methods: {
    failureLines({ failed, total, failures }) {
      const head = this.$t("bulk.failed", { failed, total });
      const told = failures
        .slice(0, MAX_TOLD)
        .map(
          ({ localuser, task_id: id, error }) =>
            `${localuser} (${id}): ${validationText(this, { field: "task_id", error })}`,
        );
      return failed > told.length
        ? [head, ...told, this.$t("delete.and_more", { n: failed - told.length })]
        : [head, ...told];
    },
    /** Asks about one that somebody else began, or that this page began before it was left. */
    async askBulk(data = null) {
      const before = this.bulk.running;
      try {
        this.bulk = await runModuleAction("get-tasks-run", data);
      } catch {
        // The list itself tells that the node does not answer.
        return;
      }
      if (this.bulk.running && !this._isDestroyed) {
        this.bulkTimer = setTimeout(() => this.askBulk(), ASK_AGAIN_MS);
      } else if (before) {
        await taskFeed.refresh();
      }
    },
    dismissBulk() {
      const { id } = this.bulk.run;
      this.bulk = { run: null, running: false };
      return this.askBulk({ dismiss: id });
    },
    /**
     * @param {string} verb start, stop, verify, delete or change
     * @param {number} total tasks
     * @param {object} which members of run-tasks that say which
     * @param {object} how further members: `changes` of create-task, with change; `method`, with verify
     */
    async runBulk(verb, total, which, how = {}) {
      clearTimeout(this.bulkTimer);
      this.actionError = "";
      this.bulk = { run: { verb, total, done: 0 }, running: true };
      const request = { verb, ...which, ...how };
      const onProgress = (percent) => {
        this.bulk.run.done = Math.floor((percent * total) / 100);
      };
      try {
        const run = await runModuleAction("run-tasks", request, { onProgress });
        this.bulk = { run, running: false };
      } catch (error) {
        this.actionError = errorText(this, error);
        await this.askBulk();
      }
      await taskFeed.refresh();
      this.reorder();
    },
  },
};
