/** Reads a text file of unknown encoding. */

/** The largest file that import-csv-tasks takes. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * The text of a file: UTF-8 or UTF-16 by its byte order mark, else UTF-8 when every byte fits, else Windows-1252, what
 * spreadsheets write by default in western languages.
 *
 * @param {Uint8Array} bytes
 * @returns {{text: string, guessed: boolean}} `guessed`: not UTF-8, so accents deserve a look
 */
export function decodeText(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) {
    return { text: new TextDecoder("utf-16le").decode(bytes), guessed: false };
  }
  if (bytes[0] === 0xfe && bytes[1] === 0xff) {
    return { text: new TextDecoder("utf-16be").decode(bytes), guessed: false };
  }
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), guessed: false };
  } catch {
    return { text: new TextDecoder("windows-1252").decode(bytes), guessed: true };
  }
}
