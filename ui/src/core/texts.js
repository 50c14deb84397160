/** Sentences about tasks that several components show. A mixin: it needs the component's `$t` and `$i18n`. */
import {
  formatBytes,
  formatCount,
  formatDateTime,
  formatDuration,
  formatMoment,
} from "../lib/format";
import { parseSchedule } from "../lib/schedule";

export default {
  methods: {
    countText(count) {
      return formatCount(count, this.$i18n.locale);
    },
    bytesText(bytes) {
      return formatBytes(bytes, this.$i18n.locale);
    },
    timeText(unixSeconds) {
      return formatDateTime(unixSeconds, this.$i18n.locale);
    },
    momentText(unixSeconds) {
      return formatMoment(unixSeconds, this.$i18n.locale);
    },
    durationText(seconds) {
      return formatDuration(seconds, this.$i18n.locale);
    },
    scheduleText(cron) {
      const { mode, count } = parseSchedule(cron);
      if (!count) {
        return this.$t(`tasks.${mode}`);
      }
      return this.$tc(`tasks.every_${mode}`, count);
    },
    /** A text of a group by a code that came from the server, or the group's general text for an unknown one. */
    codeText(group, code, part) {
      const key = `${group}.${code}.${part}`;
      return this.$te(key, "en") ? this.$t(key) : this.$t(`${group}.unknown.${part}`, { code });
    },
  },
};
