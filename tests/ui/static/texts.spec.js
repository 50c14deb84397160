/**
 * Every text that the page asks for exists in the complete languages, none is left over, and no code that the module or
 * the engine can give is without its words.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { languageChain } from "../../../ui/src/lib/languages.js";
import { filesBelow, read, root } from "../support/sources.js";

function flatten(tree, prefix = "") {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === "object" ? flatten(value, `${prefix}${key}.`) : [[`${prefix}${key}`, value]],
  );
}

const languages = readdirSync(join(root, "ui/public/i18n"));
const texts = Object.fromEntries(
  languages.map((language) => [
    language,
    new Map(flatten(JSON.parse(read(`ui/public/i18n/${language}/translation.json`)))),
  ]),
);

/** The members of create-task and configure-module. */
const FORM_MEMBERS = Object.assign(
  {},
  ...["create-task", "configure-module"].map(
    (action) => JSON.parse(read(`imageroot/actions/${action}/validate-input.json`)).properties,
  ),
);

/** Languages in which nothing is missing; the others fall back to English string by string. */
const COMPLETE = ["en", "it", "de", "fr", "es"];

const sources = filesBelow("ui/src", /\.(vue|js)$/)
  .map((path) => readFileSync(path, "utf8"))
  .join("\n");

/** Keys written out, by their top-level groups. */
function literalKeys() {
  const groups = [...new Set([...texts.en.keys()].map((key) => key.split(".")[0]))];
  const pattern = new RegExp(`(?<!=)["'\`]((?:${groups.join("|")})\\.[a-z0-9_.-]+)["'\`]`, "g");
  return new Set(
    [...sources.matchAll(pattern)]
      .map(([, key]) => key)
      .filter((key) => !/\.(js|vue|css|json)$/.test(key)),
  );
}

/** Keys put together at run time, as patterns. */
function patterns() {
  const groups = [...new Set([...texts.en.keys()].map((key) => key.split(".")[0]))].join("|");
  const templates = [...sources.matchAll(/`([a-z]+\.[^`]*\$\{[^`]*)`/g)].map(
    ([, template]) => template,
  );
  const found = templates
    .filter((template) => new RegExp(`^(${groups})\\.`).test(template))
    .map((template) =>
      template
        .split(/\$\{[^}]*\}/)
        .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
        .join(".+"),
    );
  // codeText(group, code, part) and the titles of pages by their group.
  return [
    ...found,
    "(outcome|failure)\\..+\\.(text|remedy)",
    "(status|settings|sources|tasks|about|edit|import)\\.title",
  ].map((text) => new RegExp(`^${text}$`));
}

test("English has every key that the sources name", () => {
  expect([...literalKeys()].filter((key) => !texts.en.has(key))).toEqual([]);
});

test("every key put together at run time has texts", () => {
  const keys = [...texts.en.keys()];
  expect(patterns().filter((pattern) => !keys.some((key) => pattern.test(key)))).toEqual([]);
});

test("no English text is unused", () => {
  const used = literalKeys();
  const made = patterns();
  expect(
    [...texts.en.keys()].filter(
      (key) => !used.has(key) && !made.some((pattern) => pattern.test(key)),
    ),
  ).toEqual([]);
});

test("no language has keys that English lacks", () => {
  for (const language of languages) {
    expect([...texts[language].keys()].filter((key) => !texts.en.has(key))).toEqual([]);
  }
});

test("every language of the existing module is there, the complete ones lack nothing", () => {
  expect(languages).toEqual(
    expect.arrayContaining(["de", "en", "es", "eu", "fr", "it", "nl", "pt", "pt_BR", "ta", "uk"]),
  );
  for (const language of COMPLETE) {
    expect(
      [...texts.en.keys()].filter((key) => !texts[language].has(key)),
      language,
    ).toEqual([]);
  }
});

test("the page speaks one language: none of its texts is cluster-admin's", () => {
  expect(sources).not.toMatch(/core\.\$tc?e?\(/);
});

test("every action that is called has a name for people", () => {
  const called = [...sources.matchAll(/run(?:Module|Cluster)Action\(\s*"([a-z-]+)"/g)];
  expect(called.length).toBeGreaterThan(15);
  expect(called.filter(([, action]) => !texts.en.has(`action.${action}`))).toEqual([]);
});

test("every browser's language finds its texts", () => {
  const languages = ["en", "it", "pt", "pt_BR", "de"];
  for (const [wanted, chain] of [
    ["it-IT", ["it", "en"]],
    ["pt-BR", ["pt_BR", "pt", "en"]],
    ["pt-PT", ["pt", "en"]],
    ["en-GB", ["en"]],
    ["hr", ["en"]],
    ["", ["en"]],
  ]) {
    expect(languageChain(languages, wanted), wanted).toEqual(chain);
  }
});

test("texts of all languages take the same arguments and plural forms", () => {
  const argumentsOf = (text) => [...new Set(text.match(/\{\w+\}/g))].sort().join();
  const formsOf = (text) => text.split("|").length;
  const differs = (text, english) =>
    argumentsOf(text) !== argumentsOf(english) ||
    formsOf(text) !== formsOf(english) ||
    text.trim() === "";
  const wrong = languages.flatMap((language) =>
    [...texts[language]]
      .filter(([key, text]) => differs(text, texts.en.get(key)))
      .map(([key]) => `${language} ${key}`),
  );
  expect(wrong).toEqual([]);
});

test("every reason of the engine has a sentence and a remedy", () => {
  const reasons = [
    ...read("src/imapsync/terms.py")
      .split("class Reason")[1]
      .split("\nclass ")[0]
      .matchAll(/= "(\w+)"/g),
  ];
  expect(reasons.length).toBeGreaterThan(20);
  // What the container itself says of a run that came to no end, or that one exit code stands for.
  const summaries = read("src/syncctl/summaries.py");
  reasons.push(
    ...summaries.matchAll(/^ {4}\d+: "(\w+)",$/gm),
    ...summaries.matchAll(/code = "(\w+)" if exit_code > 128 else "internal"/g),
  );
  expect(reasons.map(([, reason]) => reason)).toEqual(
    expect.arrayContaining(["killed", "parked", "brake_vanished"]),
  );
  for (const [, reason] of reasons) {
    for (const part of ["text", "remedy"]) {
      expect(texts.en.has(`outcome.${reason}.${part}`), `outcome.${reason}.${part}`).toBe(true);
    }
  }
});

test("every refusal of the module has a sentence", () => {
  const table = read("imageroot/pypkg/imapsync_tasks/errors.py")
    .split("ERRORS:")[1]
    .split("\n}")[0];
  const keys = [...table.matchAll(/^ {4}"(\w+)": Kind/gm)].map(([, key]) => key);
  expect(keys.length).toBeGreaterThan(15);
  expect(keys.filter((key) => !texts.en.has(`validation.${key}`))).toEqual([]);
});

/** Every code that a row of a CSV file can have, and every member that can be refused for its form. */
test("every mistake in a value has a sentence of its own", () => {
  const table = read("imageroot/pypkg/imapsync_tasks/csvtable.py");
  const codes = [...table.matchAll(/Issue\(\s*[^,]+,\s*"(\w+)"/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(1);
  expect(codes.filter((code) => !texts.en.has(`validation.${code}`))).toEqual([]);
  const { definitions } = JSON.parse(read("imageroot/validator-definitions.json"));
  const members = Object.keys(definitions).filter((name) => name in FORM_MEMBERS);
  expect(members.length).toBeGreaterThan(10);
  expect(members.filter((name) => !texts.en.has(`refusal.${name}.invalid_value`))).toEqual([]);
});
