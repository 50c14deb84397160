/** What every part of the form of a task has: the store, and the sentences of its mistakes. A mixin. */
import { validationText } from "./errors";

export default {
  inject: ["form"],
  computed: {
    values() {
      return this.form.state.values;
    },
    isNew() {
      return this.form.state.isNew;
    },
  },
  methods: {
    set(changes) {
      this.form.set(changes);
    },
    /** What is wrong with a field, in the reader's language, or "". */
    mistake(field) {
      const element = this.form.state.mistakes[field];
      return element ? validationText(this, element) : "";
    },
  },
};
