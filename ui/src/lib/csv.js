/** CSV files that are safe to open in a spreadsheet, and their download. */

/** A cell that starts with one of these is a formula to a spreadsheet, also behind blanks. */
const FORMULA_START = /^[\s]*[=+\-@\t\r]/;

/**
 * One cell: quoted, and with an apostrophe before what a spreadsheet would compute (OWASP, "CSV Injection").
 *
 * @param {*} value null and undefined give an empty cell; numbers are left as they are
 */
export function csvCell(value) {
  if (value === null || value === undefined) {
    return "";
  }
  if (typeof value === "number") {
    return String(value);
  }
  const text = FORMULA_START.test(value) ? `'${value}` : String(value);
  return `"${text.replaceAll('"', '""')}"`;
}

/** Rows of cells as one CSV text (RFC 4180), with the mark by which spreadsheets recognise UTF-8. */
export function csvText(rows) {
  return `\uFEFF${rows.map((row) => row.map(csvCell).join(",")).join("\r\n")}\r\n`;
}

/** Offers `text` to the reader as a file. */
export function downloadText(name, text, type = "text/plain") {
  const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // Not at once: the browser reads the address after the click.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
