/** Builds devnode's host page (devnode/cluster_admin) with this folder's packages, so that there is one lock file. */
import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue2";
import { defineConfig } from "vite";

const folder = fileURLToPath(new URL(".", import.meta.url));
const here = (path) => `${folder}${path}`;

export default defineConfig({
  root: here("../devnode/cluster_admin"),
  base: "./",
  plugins: [vue()],
  resolve: {
    alias: [
      { find: /^vue$/, replacement: here("node_modules/vue/dist/vue.runtime.esm.js") },
      { find: /^(vue-(?:router|i18n))$/, replacement: here("node_modules/$1/dist/$1.esm.js") },
      { find: /^(@carbon|@fontsource)\//, replacement: here("node_modules/$1/") },
    ],
    extensions: [".js", ".vue", ".json"],
  },
  css: {
    preprocessorOptions: {
      scss: {
        loadPaths: [here("node_modules")],
        quietDeps: true,
        silenceDeprecations: ["import", "global-builtin", "slash-div"],
      },
    },
  },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2020",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        // Modules link this very path (docs/ui.md).
        assetFileNames: (asset) =>
          asset.names.some((name) => name.endsWith(".css"))
            ? "css/core.css"
            : "assets/[name]-[hash][extname]",
      },
    },
  },
});
