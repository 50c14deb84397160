/**
 * What every page has: its part of the address bar, its title in the browser's tab, and the words for a failed call.
 *
 * A page using it has `data.q` with at least `page`, and may have `pageTitleKey`.
 */
import { PageTitleService, QueryParamService } from "@nethserver/ns8-ui-lib";
import { mapState } from "vuex";
import { goToPage } from "./context";
import { errorText } from "./errors";

export default {
  mixins: [QueryParamService, PageTitleService],
  pageTitle() {
    return `${this.$t(`${this.$options.textGroup}.title`)} - ${this.instanceLabel || this.instanceName}`;
  },
  computed: {
    ...mapState(["instanceName", "instanceLabel", "appName"]),
    core() {
      return this.$store.state.core.root;
    },
  },
  created() {
    // The address is known at once; the binding below follows it from the next tick on.
    if (this.getPage() === this.q.page) {
      this.queryParamsToDataForApp(this);
    }
  },
  beforeRouteEnter(to, from, next) {
    next((page) => {
      page.watchQueryData(page);
      page.urlCheckInterval = page.initUrlBindingForApp(page, page.q.page);
    });
  },
  beforeRouteLeave(to, from, next) {
    clearInterval(this.urlCheckInterval);
    next();
  },
  methods: {
    goToPage(page, query) {
      return goToPage(this.$router, page, query);
    },
    /** A sentence for an ActionError, in the reader's language. */
    errorText(error) {
      return errorText(this, error);
    },
  },
};
