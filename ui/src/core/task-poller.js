/**
 * Keeps the list of tasks fresh: asks again a while after each answer, never has two questions under way, and rests
 * while nobody can see the page.
 */

/** Between an answer and the next question while something runs, and while nothing does. */
const BUSY_DELAY_MS = 2_000;
const IDLE_DELAY_MS = 10_000;

export class TaskPoller {
  /**
   * @param {Function} load asks for the list; gives a promise
   * @param {Function} onAnswer told each answer
   * @param {Function} onError told each failure
   */
  constructor(load, onAnswer, onError) {
    this.load = load;
    this.onAnswer = onAnswer;
    this.onError = onError;
    this.timer = null;
    this.flight = null;
    this.stopped = true;
    this.onVisibility = () => {
      if (!document.hidden && !this.stopped) {
        this.refresh();
      }
    };
  }

  start() {
    this.stopped = false;
    document.addEventListener("visibilitychange", this.onVisibility);
    return this.refresh();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.onVisibility);
  }

  /**
   * Asks now. While a question is under way its answer may be older than this call: then one more follows it.
   *
   * @returns {Promise} done when an answer to a question asked after this call has been handled
   */
  refresh() {
    clearTimeout(this.timer);
    if (this.flight) {
      this.next ??= this.flight.then(() => {
        this.next = null;
        return this.refresh();
      });
      return this.next;
    }
    this.flight = this.ask().finally(() => {
      this.flight = null;
    });
    return this.flight;
  }

  async ask() {
    let busy = false;
    try {
      const answer = await this.load();
      if (this.stopped) {
        return;
      }
      busy = answer.user_properties.some(({ state }) => state !== "stopped");
      this.onAnswer(answer);
    } catch (error) {
      if (this.stopped) {
        return;
      }
      this.onError(error);
    }
    clearTimeout(this.timer);
    if (!document.hidden) {
      this.timer = setTimeout(() => this.refresh(), busy ? BUSY_DELAY_MS : IDLE_DELAY_MS);
    }
  }
}
