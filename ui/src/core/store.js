/** What every page needs to know of where it runs. */
import Vue from "vue";
import Vuex from "vuex";

Vue.use(Vuex);

export default new Vuex.Store({
  strict: false,
  state: {
    core: null,
    instanceName: "",
    instanceLabel: "",
    appName: "",
  },
  mutations: {
    setContext(state, { core, instanceName, appName }) {
      // Another application's root instance: it is used, not watched.
      state.core = Object.freeze({ root: core });
      state.instanceName = instanceName;
      state.appName = appName;
    },
    setInstanceLabel(state, label) {
      state.instanceLabel = label;
    },
  },
});
