/** Which languages a reader gets. */

/**
 * The languages to look a text up in, the best first. A region (`pt-BR`) comes before its language (`pt`), English last.
 *
 * @param {string[]} languages that the page speaks, regions written `pt_BR`
 * @param {string} wanted the browser's language
 */
export function languageChain(languages, wanted) {
  const [code = "", region = ""] = (wanted || "").split("-");
  const language = code.toLowerCase();
  const candidates = [`${language}_${region.toUpperCase()}`, language, "en"];
  return [...new Set(candidates)].filter((name) => languages.includes(name));
}
