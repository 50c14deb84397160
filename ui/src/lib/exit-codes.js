/**
 * The reason behind an exit code of the engine, for results that carry no reason of their own (a task taken over from
 * an earlier version of the module). The codes are in docs/exit-codes.md.
 */
const REASONS = {
  1: "internal",
  6: "signal",
  10: "connection",
  12: "tls",
  16: "authentication",
  64: "usage",
  70: "internal",
  101: "connection_remote",
  102: "connection_local",
  111: "with_errors",
  112: "with_errors",
  113: "overquota",
  114: "append",
  115: "fetch",
  116: "folder_create",
  117: "select",
  119: "virus",
  143: "signal",
  161: "authentication_remote",
  162: "authentication_local",
};

/** A key of the texts `outcome.<reason>`. */
export function reasonOfExitCode(code) {
  return REASONS[code] ?? "internal";
}

/** The side that a general reason of a run meant, where the exit code tells it. */
export function refineReason(reason, code) {
  const refined = REASONS[code];
  return refined && refined.startsWith(`${reason}_`) ? refined : reason;
}
