/**
 * The `exclude` member of a task: regular expressions separated by commas, matched anywhere in a folder's name unless
 * anchored with ^ and $.
 */

/** The patterns of the member, without blank ones (a blank entry matches nothing). */
export function parseExclusions(exclude) {
  return (exclude || "")
    .split(",")
    .map((pattern) => pattern.trim())
    .filter(Boolean);
}

/** The member for a list of patterns. */
export function formatExclusions(patterns) {
  return patterns.join(",");
}

/**
 * The pattern that matches this folder and the folders below it, and nothing else. A comma would end the pattern in
 * the member, so it is written as "any character". INBOX is matched alone: on many servers every other folder is
 * below it by name.
 *
 * @param {string} name decoded name of the folder
 * @param {string} delimiter between levels on the remote server; may be empty
 */
export function folderPattern(name, delimiter) {
  const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll(",", ".");
  return delimiter && name !== "INBOX"
    ? `^${escape(name)}(${escape(delimiter)}|$)`
    : `^${escape(name)}$`;
}

/** The index of the first pattern that the browser cannot read as a regular expression, or -1. */
export function brokenPattern(patterns) {
  return patterns.findIndex((pattern) => compile(pattern) === null);
}

/** A function that tells whether a folder's name is excluded by any of the patterns; unreadable ones match nothing. */
export function exclusionMatcher(patterns) {
  const expressions = patterns.map(compile).filter(Boolean);
  return (name) => expressions.some((expression) => expression.test(name));
}

function compile(pattern) {
  try {
    return new RegExp(pattern, "u");
  } catch {
    try {
      return new RegExp(pattern);
    } catch {
      return null;
    }
  }
}
