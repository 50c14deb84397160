/**
 * What was typed into a form and not saved yet, kept in this tab: who leaves the form and comes back, or reloads the
 * page, finds it. Passwords are never kept.
 */
import { getInstanceName } from "./context";

const key = (name) => `imapsync-draft-${getInstanceName()}-${name}`;

/** Keeps values under a name. */
export function keepDraft(name, values) {
  try {
    window.sessionStorage.setItem(key(name), JSON.stringify({ ...values, remotepassword: "" }));
  } catch {
    // Storage is full or forbidden: then nothing is kept.
  }
}

/** The values kept under a name, or null. */
export function readDraft(name) {
  try {
    return JSON.parse(window.sessionStorage.getItem(key(name)));
  } catch {
    return null;
  }
}

export function dropDraft(name) {
  window.sessionStorage.removeItem(key(name));
}
