import js from "@eslint/js";
import prettier from "eslint-config-prettier";
import vue from "eslint-plugin-vue";
import globals from "globals";

export default [
  {
    ignores: ["**/node_modules/**", "**/dist/**"],
  },
  js.configs.recommended,
  ...vue.configs["flat/vue2-recommended"],
  prettier,
  {
    files: ["**/*.{js,mjs,vue}"],
    languageOptions: {
      ecmaVersion: 2023,
      sourceType: "module",
      globals: { ...globals.browser },
    },
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "prefer-const": "error",
      "vue/multi-word-component-names": "off",
      // Nothing that a server sent may be rendered as markup.
      "vue/no-v-html": "error",
      // The parts of a form share the form's object; no prop itself is replaced.
      "vue/no-mutating-props": ["error", { shallowOnly: true }],
      "vue/require-default-prop": "off",
      "vue/html-self-closing": "off",
    },
  },
  {
    files: ["**/*.config.js", "tests/ui/**/*.{js,mjs}"],
    languageOptions: { globals: { ...globals.node } },
  },
];
