/**
 * devnode's stand-in for cluster-admin: what an application's page needs of its frame, and no more.
 *
 * `window.core` is the root Vue instance; applications reach it as `window.parent.core`.
 */
import Vue from "vue";
import VueI18n from "vue-i18n";
import App from "./App.vue";
import { apiUrl, websocketUrl } from "./addresses";
import { createRouter } from "./router";
import { TaskBus } from "./task-bus";
import en from "./i18n/en.json";
import it from "./i18n/it.json";

Vue.use(VueI18n);
Vue.config.productionTip = false;

window.CONFIG = {
  PRODUCT_NAME: "NethServer",
  API_ENDPOINT: apiUrl(),
  API_SCHEME: `${window.location.protocol}//`,
  WS_ENDPOINT: websocketUrl(),
};

const messages = { en, it };
const browserLanguage = navigator.language.slice(0, 2);
const i18n = new VueI18n({
  locale: browserLanguage in messages ? browserLanguage : "en",
  fallbackLocale: "en",
  messages,
});
document.documentElement.lang = i18n.locale;

window.core = new Vue({
  router: createRouter(),
  i18n,
  data: { apiUrl: apiUrl(), config: window.CONFIG, loggedIn: false },
  created() {
    this.taskBus = new TaskBus(this);
    this.$on("logout", () => this.leave());
    if (window.localStorage.getItem("loginInfo")) {
      this.enter();
    }
  },
  methods: {
    /** Called once loginInfo is stored. */
    enter() {
      this.loggedIn = true;
      this.taskBus.open();
    },
    leave() {
      window.localStorage.removeItem("loginInfo");
      this.taskBus.close();
      this.loggedIn = false;
    },
  },
  render: (h) => h(App),
}).$mount("#app");
