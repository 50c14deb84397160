/** Starts the page inside cluster-admin's frame. */
import Vue from "vue";
import App from "./App.vue";
import { nameActions } from "./core/api";
import { getCore, getInstanceName } from "./core/context";
import { createI18n } from "./core/i18n";
import { createRouter } from "./core/router";
import store from "./core/store";
import "./core/components";
import "./styles/main.css";

async function start() {
  const metadata = await (await fetch("metadata.json")).json();
  store.commit("setContext", {
    core: getCore(),
    instanceName: getInstanceName(),
    appName: metadata.name,
  });
  const i18n = await createI18n();
  nameActions((action) => {
    const key = `action.${action}`;
    return i18n.te(key, "en") ? i18n.t(key) : metadata.name;
  });
  new Vue({
    router: createRouter(),
    store,
    i18n,
    render: (h) => h(App),
  }).$mount("#ns8-app");
}

Vue.config.productionTip = false;
start();
