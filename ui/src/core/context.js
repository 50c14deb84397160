/**
 * The frame around this page: cluster-admin's root Vue instance (`window.parent.core`) and what its address says.
 *
 * Source of the names: docs/ui.md, "What cluster-admin gives".
 */

/** The root Vue instance of cluster-admin. It is the bus of task events and owns the address bar. */
export function getCore() {
  return window.parent.core;
}

/** The module id in the address of cluster-admin (`#/apps/imapsync1?page=…`), or "" outside of it. */
export function getInstanceName() {
  const match = /#\/apps\/([a-zA-Z0-9_-]+)/.exec(window.parent.location.hash);
  return match ? match[1] : "";
}

/** The token that the HTTP API wants, or "" when nobody is logged in. */
export function getToken() {
  try {
    return JSON.parse(window.localStorage.getItem("loginInfo"))?.token ?? "";
  } catch {
    return "";
  }
}

/**
 * Shows another page of this module: the address bar follows, so that back, reload and bookmarks work.
 *
 * @param {object} router this app's router
 * @param {string} page route name without slash
 * @param {object} query further members of the address
 */
export async function goToPage(router, page, query = {}) {
  const instance = getInstanceName();
  await getCore()
    .$router.push({ path: `/apps/${instance}`, query: { page, ...query } })
    .catch(ignoreDuplicate);
  await router.replace(`/${page}`).catch(ignoreDuplicate);
}

/** vue-router 3 rejects a move to where one already is; that is no failure of ours. */
export function ignoreDuplicate(error) {
  if (error && error.name !== "NavigationDuplicated" && !error._isRouter) {
    throw error;
  }
}
