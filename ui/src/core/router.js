/** The pages. cluster-admin's address bar names the page; this router only shows it (docs/ui.md, "Addresses"). */
import Vue from "vue";
import VueRouter from "vue-router";
import Status from "../views/Status.vue";

Vue.use(VueRouter);

export function createRouter() {
  return new VueRouter({
    routes: [
      { path: "/", alias: "/status", component: Status },
      { path: "/settings", component: () => import("../views/Settings.vue") },
      { path: "/sources", component: () => import("../views/Sources.vue") },
      { path: "/projects", component: () => import("../views/Projects.vue") },
      { path: "/tasks", component: () => import("../views/Tasks.vue") },
      { path: "/task", component: () => import("../views/EditTask.vue") },
      { path: "/import", component: () => import("../views/ImportTasks.vue") },
      { path: "/about", component: () => import("../views/About.vue") },
      { path: "*", redirect: "/" },
    ],
  });
}
