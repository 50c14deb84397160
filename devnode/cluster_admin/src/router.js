/** The addresses of the stand-in: a list of applications, one application in its frame, and pages it does not have. */
import Vue from "vue";
import VueRouter from "vue-router";
import ApplicationFrame from "./ApplicationFrame.vue";
import Applications from "./Applications.vue";
import NotHere from "./NotHere.vue";

Vue.use(VueRouter);

export function createRouter() {
  return new VueRouter({
    routes: [
      { path: "/", component: Applications },
      { path: "/apps/:appId", component: ApplicationFrame },
      { path: "*", component: NotHere },
    ],
  });
}
