/** Sentences about tasks that several components show. A mixin: it needs the component's `$t` and `$i18n`. */
import {
  formatBytes,
  formatCount,
  formatDateTime,
  formatDuration,
  formatMoment,
  formatWeekday,
} from "../lib/format";
import { daysText, parseSchedule } from "../lib/schedule";

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
      const { mode, count, unit, days, at, from, to, date } = parseSchedule(cron);
      switch (mode) {
        case "manual":
        case "live":
          return this.$t(`tasks.${mode}`);
        case "once":
          return this.$t("tasks.once", { time: this.timeText(Date.parse(`${date}T${at}`) / 1000) });
        case "daily":
          return this.$t("tasks.daily", { days: this.daysText(days), at });
        case "window": {
          const every = this.$tc(`tasks.every_${unit === "m" ? "minutes" : "hours"}`, count);
          return this.$t("tasks.window", { every, days: this.daysText(days), from, to });
        }
        default:
          return this.$tc(`tasks.every_${mode}`, count);
      }
    },
    /** Days of the week, Monday as 0: "every day", "Mon–Fri". */
    daysText(days) {
      return days.length === 7
        ? this.$t("tasks.every_day")
        : daysText(days, (day) => formatWeekday(day, this.$i18n.locale, "short"), "–", ", ");
    },
    /** A text of a group by a code that came from the server, or the group's general text for an unknown one. */
    codeText(group, code, part) {
      const key = `${group}.${code}.${part}`;
      return this.$te(key, "en") ? this.$t(key) : this.$t(`${group}.unknown.${part}`, { code });
    },
  },
};
