/** The page's texts: one JSON file a language under i18n/, English as the source and the fallback. */
import Vue from "vue";
import VueI18n from "vue-i18n";
import { languageChain } from "../lib/languages";

/* global __LANGUAGES__ */
Vue.use(VueI18n);

async function loadMessages(language) {
  const reply = await fetch(`i18n/${language}/translation.json`);
  return reply.json();
}

/** A VueI18n with the texts of the browser's language and English behind them. */
export async function createI18n() {
  const chain = languageChain(__LANGUAGES__, navigator.language);
  const texts = await Promise.all(chain.map(loadMessages));
  document.documentElement.lang = chain[0].replace("_", "-");
  return new VueI18n({
    // The name as the browser writes it: numbers and dates are formatted by it, too.
    locale: chain[0].replace("_", "-"),
    fallbackLocale: chain.slice(1),
    messages: Object.fromEntries(
      chain.map((language, index) => [language.replace("_", "-"), texts[index]]),
    ),
    silentTranslationWarn: true,
    silentFallbackWarn: true,
  });
}
