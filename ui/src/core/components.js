/**
 * Components that ns8-ui-lib's own components use by name without bringing them: they count on an application that
 * registers everything.
 */
import {
  CvAccordion,
  CvAccordionItem,
  CvInteractiveTooltip,
  CvSkeletonText,
  CvTile,
} from "@carbon/vue";
import { NsButton, NsInfoCard, NsSvg } from "@nethserver/ns8-ui-lib";
import Vue from "vue";

for (const component of [
  CvAccordion,
  CvAccordionItem,
  CvInteractiveTooltip,
  CvSkeletonText,
  CvTile,
  NsButton,
  NsInfoCard,
  NsSvg,
]) {
  Vue.component(component.name, component);
}
