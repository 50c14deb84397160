/**
 * The components of @carbon/vue that ns8-ui-lib 0.1.32 and this page use, from their source folders.
 *
 * The package's entry point is one UMD file with all of Carbon, which no bundler can trim.
 */
export { CvAccordion, CvAccordionItem } from "@carbon/vue/src/components/cv-accordion";
export { CvButton, CvButtonSet, CvIconButton } from "@carbon/vue/src/components/cv-button";
export { CvCheckbox } from "@carbon/vue/src/components/cv-checkbox";
export {
  CvDataTable,
  CvDataTableCell,
  CvDataTableHeading,
  CvDataTableRow,
} from "@carbon/vue/src/components/cv-data-table";
export { CvInlineNotification } from "@carbon/vue/src/components/cv-inline-notification";
export { CvLink } from "@carbon/vue/src/components/cv-link";
export { CvModal } from "@carbon/vue/src/components/cv-modal";
export { CvOverflowMenu } from "@carbon/vue/src/components/cv-overflow-menu";
export { CvPagination } from "@carbon/vue/src/components/cv-pagination";
export { CvSkeletonText } from "@carbon/vue/src/components/cv-skeleton-text";
export { CvTabs } from "@carbon/vue/src/components/cv-tabs";
export { CvTag } from "@carbon/vue/src/components/cv-tag";
export { CvTextInput } from "@carbon/vue/src/components/cv-text-input";
export { CvTile } from "@carbon/vue/src/components/cv-tile";
export { CvToastNotification } from "@carbon/vue/src/components/cv-toast-notification";
export { CvToggle } from "@carbon/vue/src/components/cv-toggle";
export { CvInteractiveTooltip, CvTooltip } from "@carbon/vue/src/components/cv-tooltip";
