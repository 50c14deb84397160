/**
 * Stands for `lottie-web-vue`, which ns8-ui-lib 0.1.32 imports without declaring it.
 *
 * It is only rendered by animated empty states; ours show a still pictogram, so nothing is drawn here and the
 * animation player stays out of the bundle.
 */
export default { name: "LottieAnimation", render: (h) => h("span") };
