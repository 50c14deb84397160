/** The page's texts: one JSON file a language under i18n/, English as the source and the fallback. */
import Vue from "vue";
import VueI18n from "vue-i18n";

/* global __LANGUAGES__ */
Vue.use(VueI18n);

/** The first two letters of the browser's language if the page speaks it, else English. */
export function chooseLanguage(languages = __LANGUAGES__, wanted = navigator.language) {
  const code = (wanted || "").slice(0, 2).toLowerCase();
  return languages.includes(code) ? code : "en";
}

async function loadMessages(language) {
  const reply = await fetch(`i18n/${language}/translation.json`);
  return reply.json();
}

/** A VueI18n with the texts of the browser's language and English behind them. */
export async function createI18n() {
  const locale = chooseLanguage();
  const languages = [...new Set(["en", locale])];
  const texts = await Promise.all(languages.map(loadMessages));
  document.documentElement.lang = locale;
  return new VueI18n({
    locale,
    fallbackLocale: "en",
    messages: Object.fromEntries(languages.map((language, index) => [language, texts[index]])),
    silentTranslationWarn: true,
  });
}
