/** What became of the rows of a CSV file. */

/** Every status that a row can have after an import, in the order in which they are told. */
export const STATUSES = ["created", "updated", "verified", "skipped", "failed", "not_done"];

/** The colour of the tag of a status, before and after an import. */
export const KINDS = {
  new: "blue",
  existing: "gray",
  repeated: "gray",
  invalid: "red",
  created: "green",
  updated: "green",
  verified: "green",
  skipped: "gray",
  failed: "red",
  not_done: "gray",
};

/** How many rows have each of STATUSES. */
export function countResults(results) {
  return Object.fromEntries(
    STATUSES.map((status) => [status, results.filter((one) => one.status === status).length]),
  );
}
