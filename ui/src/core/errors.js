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
 * Keys of the sentence of a refusal, the most exact first: about this error of this field, about this error, about the
 * rule of JSON Schema that was broken.
 */
function keysOf({ error, field }) {
  const schema = SCHEMA_ERROR.exec(error);
  const member = field === "localusername" ? "localuser" : field;
  return [
    `refusal.${member}.${error}`,
    `validation.${error}`,
    schema && `validation.${schema[1]}`,
  ].filter(Boolean);
}

/** Whether there is a sentence for an element of a validation failure. */
export function hasValidationText(texts, element) {
  return keysOf(element).some((key) => texts.$te(key, "en"));
}

/**
 * The sentence for one element of a validation failure. An unknown key gives a general sentence with the key, so that
 * nothing is hidden.
 *
 * @param {object} texts a Vue instance
 * @param {{error: string, field: string}} element its other members are arguments of the sentence
 */
export function validationText(texts, element) {
  const key = keysOf(element).find((candidate) => texts.$te(candidate, "en"));
  return key
    ? texts.$t(key, argumentsOf(element))
    : texts.$t("error.validation_error", { key: element.error });
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
