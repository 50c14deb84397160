/**
 * The form of a task while it is open: one place that holds its values and its mistakes. Parts of the form are given it
 * by `provide` and change it by its methods alone.
 */
import Vue from "vue";
import {
  changesOf,
  checkForm,
  checkPart,
  checkRemote,
  portAfter,
  remoteAccount,
  taskInput,
} from "../lib/task-form";

export class FormStore {
  /**
   * @param {object} values of `emptyForm` or `formOfTask`
   * @param {boolean} isNew it creates a task
   * @param {object} options `forMany`: its parts are for many tasks at once, and no account is at hand
   */
  constructor(values, isNew, { forMany = false } = {}) {
    this.state = Vue.observable({
      values: { ...values },
      isNew,
      forMany,
      /** By field: an element of a refusal, `{error, …}` */
      mistakes: {},
      /** The certificate that was refused */
      certificate: null,
      /** Counted up when the first mistake wants the focus */
      focusWanted: 0,
    });
    this.start = JSON.stringify(values);
  }

  /** Changes fields; what was wrong with them is taken back. */
  set(changes) {
    Object.assign(this.state.values, changes);
    const { ...mistakes } = this.state.mistakes;
    for (const field of Object.keys(changes)) {
      delete mistakes[MISTAKE_OF[field] ?? field];
    }
    this.state.mistakes = mistakes;
  }

  /** The encryption; the port goes with it as long as it is the usual one. */
  setSecurity(security) {
    this.set({ security, remoteport: portAfter(this.state.values.remoteport, security) });
  }

  forgetMistakes() {
    this.state.mistakes = {};
    this.state.certificate = null;
  }

  /** Shows mistakes at their fields; the first gets the focus. */
  show(mistakes, certificate = null) {
    this.state.mistakes = mistakes;
    this.state.certificate = certificate;
    this.state.focusWanted += 1;
  }

  /** Whether what the remote server needs is there; what is missing is shown. */
  isRemoteComplete() {
    return this.isFree(checkRemote(this.state.values, this.state.isNew));
  }

  /** Whether the form can be sent; what is wrong is shown. */
  isComplete() {
    return this.isFree(checkForm(this.state.values, this.state.isNew));
  }

  /** Whether these parts of the form (`PARTS`) can be sent; what is wrong is shown. */
  arePartsComplete(parts) {
    return this.isFree(
      Object.assign({}, ...parts.map((part) => checkPart(part, this.state.values))),
    );
  }

  isFree(mistakes) {
    this.forgetMistakes();
    if (Object.keys(mistakes).length === 0) {
      return true;
    }
    this.show(mistakes);
    return false;
  }

  /** Somebody has changed something. */
  get isTouched() {
    return JSON.stringify(this.state.values) !== this.start;
  }

  /** The input of test-remote and list-remote-folders. */
  get account() {
    return remoteAccount(this.state.values, this.state.isNew);
  }

  /** The members of create-task that belong to some parts of the form. */
  changesOf(parts) {
    return changesOf(this.state.values, parts);
  }

  /** The input of create-task. */
  get input() {
    return taskInput(this.state.values);
  }
}

/** Fields whose mistakes are those of another: the schedule is one member of create-task. */
const MISTAKE_OF = {
  patterns: "exclude",
  schedule: "cron",
  every_minutes: "cron",
  every_hours: "cron",
  window_count: "cron",
  window_unit: "cron",
  window_from: "cron",
  window_to: "cron",
  at_days: "cron",
  at_time: "cron",
  at_date: "cron",
};
