/** Addresses of the node that serves this page, derived from where the page came from. */

/** Base of the HTTP API, without a slash at the end. */
export function apiUrl() {
  return `${window.location.origin}/cluster-admin/api`;
}

/** Address of the websocket that carries the progress of tasks. */
export function websocketUrl() {
  const scheme = window.location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${window.location.host}/cluster-admin/ws`;
}
