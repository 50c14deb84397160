/** What is built: its size, and what must not be in it. */
import { readFileSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "@playwright/test";
import { filesBelow, read } from "../support/sources.js";

/** Stated in docs/ui.md. */
const MAX_MAIN_KIB = 370;
const MAX_MAIN_GZIP_KIB = 112;
const MAX_TOTAL_KIB = 920;

test("the bundle stays as small as the documentation says", () => {
  const main = filesBelow("ui/dist/assets", /^index-.*\.js$/);
  expect(main).toHaveLength(1);
  const code = readFileSync(main[0]);
  expect(code.length / 1024).toBeLessThan(MAX_MAIN_KIB);
  expect(gzipSync(code).length / 1024).toBeLessThan(MAX_MAIN_GZIP_KIB);
  const total = filesBelow("ui/dist").reduce((sum, path) => sum + statSync(path).size, 0);
  expect(total / 1024).toBeLessThan(MAX_TOTAL_KIB);
  const documentation = read("docs/ui.md");
  for (const limit of [MAX_MAIN_KIB, MAX_MAIN_GZIP_KIB, MAX_TOTAL_KIB]) {
    expect(documentation).toContain(`${limit} KiB`);
  }
});

test("addresses in the build are relative, but for the node's own stylesheet", () => {
  const index = read("ui/dist/index.html");
  const addresses = [...index.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address);
  expect(addresses).toContain("/cluster-admin/css/core.css");
  expect(
    addresses.filter((address) => !/^(\.\/|data:|\/cluster-admin\/css\/core\.css$)/.test(address)),
  ).toEqual([]);
});

test("the host page asks no other host for its fonts", () => {
  const css = read("devnode/cluster_admin/dist/css/core.css");
  expect(css.match(/url\((?!["']?(\.\.\/|data:))[^)]*\)/g)).toBeNull();
});

test("NS8 finds what it looks for in the build", () => {
  expect(filesBelow("ui/dist/img", /logo.*png$/)).toHaveLength(1);
  const metadata = JSON.parse(read("ui/dist/metadata.json"));
  expect(Object.keys(metadata)).toEqual(
    expect.arrayContaining(["name", "description", "categories", "authors", "docs", "source"]),
  );
  expect(Array.isArray(JSON.parse(read("ui/dist/shortcuts.json")))).toBe(true);
});

test("no source renders HTML that it was given", () => {
  for (const path of [
    ...filesBelow("ui/src", /\.(vue|js)$/),
    ...filesBelow("devnode/cluster_admin/src", /\.(vue|js)$/),
  ]) {
    expect(readFileSync(path, "utf8"), path).not.toMatch(
      /v-html|innerHTML|insertAdjacentHTML|domProps/,
    );
  }
});

test("versions are pinned, and the lock files name no place to download from", () => {
  for (const folder of ["ui", "tests/ui"]) {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(read(`${folder}/package.json`));
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
    expect(read(`${folder}/package-lock.json`)).not.toMatch(/"resolved"|registry/);
  }
});
