/**
 * The icons that ns8-ui-lib 0.1.32 and @carbon/vue import from the index of @carbon/icons-vue, taken from their own files:
 * the index would make the build read some six thousand others.
 */
export { default as View16 } from "@carbon/icons-vue/es/view/16";
export { default as ViewOff16 } from "@carbon/icons-vue/es/view--off/16";
export { default as WarningAltFilled16 } from "@carbon/icons-vue/es/warning--alt--filled/16";
export { default as WarningFilled16 } from "@carbon/icons-vue/es/warning--filled/16";
export { default as ChevronLeft16 } from "@carbon/icons-vue/es/chevron--left/16";
export { default as ChevronRight16 } from "@carbon/icons-vue/es/chevron--right/16";
