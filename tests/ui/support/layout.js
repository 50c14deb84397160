/** Finds what a person would call broken in the layout of a page: text that is cut off, or lies on other text. */

/**
 * @param {import("@playwright/test").Frame} frame
 * @returns {Promise<string[]>} sentences
 */
export function layoutProblems(frame) {
  return frame.evaluate(() => {
    const root = document.querySelector("dialog[open]") ?? document.querySelector("#ns8-app");
    const problems = [];
    const visible = (element) =>
      element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const hiddenOnPurpose = (element) =>
      element.closest(
        ".app-side-nav, .bx--visually-hidden, .bx--assistive-text, [aria-hidden='true'], select, title",
      );
    const scrolls = (element) =>
      element.closest(".im-table-scroll, .im-log, .im-folders, .im-combo-list");
    const say = (text, element) =>
      problems.push(
        `${text}: <${element.tagName.toLowerCase()} class="${element.className}"> ${element.textContent.trim().slice(0, 60)}`,
      );
    /** The part of a rectangle that its scrolling ancestors let through. */
    const shownPart = (rect, element) => {
      let { left, top, right, bottom } = rect;
      for (let box = element.parentElement; box; box = box.parentElement) {
        if (getComputedStyle(box).overflowY !== "visible") {
          const edge = box.getBoundingClientRect();
          [left, top] = [Math.max(left, edge.left), Math.max(top, edge.top)];
          [right, bottom] = [Math.min(right, edge.right), Math.min(bottom, edge.bottom)];
        }
      }
      return { left, top, right, bottom, width: right - left, height: bottom - top };
    };
    const leaves = [];
    for (const element of root.querySelectorAll("*")) {
      if (!visible(element) || hiddenOnPurpose(element)) {
        continue;
      }
      const style = getComputedStyle(element);
      const clips = style.overflowX === "hidden" || style.overflowX === "clip";
      if (
        clips &&
        element.textContent.trim() &&
        element.scrollWidth > element.clientWidth + 1 &&
        element.clientWidth > 1
      ) {
        say("cut off", element);
      }
      const box = element.matches(".im-card, .im-page, .im-dialog-content, form, fieldset");
      if (box && element.scrollWidth > element.clientWidth + 1) {
        say("wider than its place", element);
      }
      if (element.tagName === "INPUT" || element.tagName === "TEXTAREA") {
        continue;
      }
      const own = [...element.childNodes].filter((node) => node.nodeType === 3 && node.data.trim());
      for (const node of own) {
        const range = document.createRange();
        range.selectNodeContents(node);
        for (const rect of range.getClientRects()) {
          const shown = shownPart(rect, element);
          if (shown.width > 1 && shown.height > 1) {
            leaves.push({ element, rect: shown, full: rect });
          }
        }
      }
    }
    for (const { element, full: rect } of leaves) {
      if (!scrolls(element) && (rect.right > innerWidth + 1 || rect.left < -1)) {
        say("outside the screen", element);
      }
    }
    for (let i = 0; i < leaves.length; i += 1) {
      for (let j = i + 1; j < leaves.length; j += 1) {
        const [a, b] = [leaves[i], leaves[j]];
        const width = Math.min(a.rect.right, b.rect.right) - Math.max(a.rect.left, b.rect.left);
        const height = Math.min(a.rect.bottom, b.rect.bottom) - Math.max(a.rect.top, b.rect.top);
        // Line boxes of neighbouring lines touch; letters do not.
        if (
          a.element !== b.element &&
          width > 2 &&
          height > 5 &&
          !a.element.contains(b.element) &&
          !b.element.contains(a.element)
        ) {
          const scrolled = [a, b].some(({ element }) => element.closest(".im-log, .im-folders"));
          const floating = [a, b].some(({ element }) =>
            element.closest(".im-menu-list, .im-combo-list, .im-batch"),
          );
          if (!floating && !scrolled) {
            say(`lies on "${b.element.textContent.trim().slice(0, 40)}"`, a.element);
          }
        }
      }
    }
    return [...new Set(problems)];
  });
}
