/** What @carbon/vue reads from carbon-components' own JavaScript: the prefix of Carbon's CSS classes. */
export const settings = { prefix: "bx" };
