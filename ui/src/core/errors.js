/** Sentences for failed calls. */

/**
 * What to tell the reader about an ActionError.
 *
 * @param {{$t: Function, $te: Function}} texts a Vue instance
 * @param {Error} error usually an ActionError
 */
export function errorText(texts, error) {
  const status = error.response?.status;
  if (status && texts.$te(`error.${status}`, "en")) {
    return texts.$t(`error.${status}`);
  }
  switch (error.kind) {
    case "network":
      return texts.$t("error.network_error");
    case "timeout":
      return texts.$t("error.network_timeout");
    case "validation":
      return error.errors.map((element) => validationText(texts, element)).join(" ");
    case "aborted":
      return error.text.trim() || texts.$t("error.generic_error");
    default:
      return texts.$t("error.generic_error");
  }
}

/** JSON Schema's kinds of failure, which NS8 puts behind the name of the member: `remoteport_number_gte`. */
const SCHEMA_ERROR =
  /_(required|pattern|format|enum|const|invalid_type|number_\w+|string_\w+|array_\w+|additional_property_not_allowed)$/;

/**
 * The sentence for one element of a validation failure. An unknown key gives a general sentence with the key, so that
 * nothing is hidden.
 *
 * @param {object} texts a Vue instance
 * @param {{error: string}} element its other members are arguments of the sentence
 */
export function validationText(texts, element) {
  const error = String(element.error);
  const schema = SCHEMA_ERROR.exec(error);
  for (const key of [`validation.${error}`, schema && `validation.${schema[1]}`]) {
    if (key && texts.$te(key, "en")) {
      return texts.$t(key, argumentsOf(element));
    }
  }
  return texts.$t("error.validation_error", { key: error });
}

/** The certificate that a refusal is about, or null. */
export function certificateOf(element) {
  const { certificate, value } = element;
  return [certificate, value].find((candidate) => candidate?.fingerprint) ?? null;
}

function argumentsOf(element) {
  return Object.fromEntries(
    Object.entries(element).map(([name, value]) => [
      name,
      Array.isArray(value)
        ? value.join(", ")
        : value === null || typeof value === "object"
          ? ""
          : value,
    ]),
  );
}
