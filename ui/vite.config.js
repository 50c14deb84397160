import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue2";
import { defineConfig } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Where the imports of ns8-ui-lib 0.1.32 that a browser cannot follow, or that would pull in far more than is
 * used, really go. Each shim says why it exists. Exact matches only: deep imports stay what they are.
 */
export const uiLibAliases = [
  { find: /^crypto$/, replacement: here("./src/shims/crypto.js") },
  { find: /^lottie-web-vue$/, replacement: here("./src/shims/lottie-web-vue.js") },
  { find: /^carbon-components$/, replacement: here("./src/shims/carbon-components.js") },
  { find: /^@carbon\/vue$/, replacement: here("./src/shims/carbon-vue.js") },
  // An icon that ns8-ui-lib imports and no published version of the icons has.
  {
    find: "@carbon/icons-vue/es/app-switcher/20",
    replacement: "@carbon/icons-vue/es/switcher/20",
  },
  { find: /^@carbon\/icons-vue$/, replacement: here("./src/shims/carbon-icons.js") },
];

export default defineConfig({
  base: "./",
  plugins: [vue()],
  // The languages are the folders that Weblate makes: a new one needs no change of code.
  define: { __LANGUAGES__: JSON.stringify(readdirSync(here("./public/i18n"))) },
  resolve: {
    alias: [...uiLibAliases, { find: /^@\//, replacement: here("./src/") }],
    extensions: [".js", ".vue", ".json"],
  },
  build: {
    target: "es2020",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
    modulePreload: { polyfill: false },
  },
});
