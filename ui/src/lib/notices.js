/** The form of the notices by mail. */

/** What the module takes for an address, and for hours. */
const ADDRESS = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/;
const HOURS = /^(([01][0-9]|2[0-3])-([01][0-9]|2[0-3]))?$/;
/** A year. */
export const MAX_HOURS = 8760;

/**
 * The values of the form for an answer of get-notices.
 *
 * @param {string} locale the reader's: whoever switches notices on most likely wants them in it
 */
export function formOfNotices(settings, locale) {
  const on = settings.addresses.length > 0;
  const own = locale.startsWith("it") ? "it" : "en";
  return {
    on,
    addresses: settings.addresses.join(", "),
    sender: settings.sender,
    language: on ? settings.language : own,
    hours: settings.hours,
    no_success_hours: `${settings.no_success_hours}`,
  };
}

function addressesOf({ addresses }) {
  return addresses.split(/[\s,;]+/).filter(Boolean);
}

/** What is wrong with the values, as refusals. */
export function mistakesOfNotices(values) {
  if (!values.on) {
    return [];
  }
  const addresses = addressesOf(values);
  const hours = Number(values.no_success_hours);
  const wrong = (field, error, more = {}) => ({ field, error, ...more });
  return [
    !addresses.length && wrong("addresses", "required"),
    !addresses.every((one) => ADDRESS.test(one)) && wrong("addresses", "invalid_value"),
    !HOURS.test(values.hours) && wrong("hours", "invalid_value"),
    !(Number.isInteger(hours) && hours >= 0 && hours <= MAX_HOURS) &&
      wrong("no_success_hours", "range", { min: 0, max: MAX_HOURS }),
    values.sender && !ADDRESS.test(values.sender) && wrong("sender", "invalid_value"),
  ].filter(Boolean);
}

/** The input of set-notices. Off is: no addresses; everything else stays as it was. */
export function noticesInput(values, test) {
  if (!values.on) {
    return { addresses: [] };
  }
  return {
    addresses: addressesOf(values),
    sender: values.sender,
    language: values.language,
    hours: values.hours,
    no_success_hours: Number(values.no_success_hours || 0),
    ...(test ? { test: true } : {}),
  };
}
