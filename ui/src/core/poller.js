/**
 * Asks again and again, at a pace that follows what happens: it never has two questions under way, rests while nobody
 * can see the page, and slows down when nobody touches it.
 */
import { pauseAfter } from "../lib/pace";

/** What a reader does that shows that somebody is there. */
const TOUCHES = ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"];

export class Poller {
  /**
   * @param {Function} load asks; gives a promise
   * @param {Function} onAnswer told each answer; gives whether something goes on
   * @param {Function} onError told each failure
   */
  constructor(load, onAnswer, onError) {
    this.load = load;
    this.onAnswer = onAnswer;
    this.onError = onError;
    this.timer = null;
    this.flight = null;
    this.stopped = true;
    this.touchedAt = 0;
    this.pause = 0;
    this.onVisibility = () => {
      if (!document.hidden && !this.stopped) {
        this.refresh();
      }
    };
    this.onTouch = () => {
      this.touchedAt = Date.now();
      // Who comes back does not wait for the end of a long pause.
      if (this.timer && this.pause > pauseAfter({ busy: this.busy, untouchedMs: 0 })) {
        this.refresh();
      }
    };
  }

  start() {
    this.stopped = false;
    this.touchedAt = Date.now();
    document.addEventListener("visibilitychange", this.onVisibility);
    for (const event of TOUCHES) {
      document.addEventListener(event, this.onTouch, { passive: true });
    }
    return this.refresh();
  }

  stop() {
    this.stopped = true;
    this.rest();
    document.removeEventListener("visibilitychange", this.onVisibility);
    for (const event of TOUCHES) {
      document.removeEventListener(event, this.onTouch);
    }
  }

  rest() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  /**
   * Asks now. While a question is under way its answer may be older than this call: then one more follows it.
   *
   * @returns {Promise} done when an answer to a question asked after this call has been handled
   */
  refresh() {
    this.rest();
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
    try {
      const answer = await this.load();
      this.busy = this.onAnswer(answer);
    } catch (error) {
      this.busy = false;
      if (!this.stopped) {
        this.onError(error);
      }
    }
    this.rest();
    if (!document.hidden && !this.stopped) {
      this.pause = pauseAfter({ busy: this.busy, untouchedMs: Date.now() - this.touchedAt });
      this.timer = setTimeout(() => this.refresh(), this.pause);
    }
  }
}
