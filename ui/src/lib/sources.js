/** A source: what each way to sign in needs, the form of one, and the input of set-source. */

/** By `auth`: members that are asked for, secrets last; `start`: what a new one begins with; `person`: somebody signs in. */
export const KINDS = {
  password: { members: [] },
  master: { members: ["master_user", "master_password"] },
  authorization: { members: ["master_user", "master_password"] },
  microsoft_app: {
    members: ["tenant", "client_id", "expires_on", "client_secret", "certificate_key"],
    start: { remotehostname: "outlook.office365.com", max_connections: "16" },
  },
  microsoft_device: {
    members: ["tenant", "client_id"],
    start: { remotehostname: "outlook.office365.com", max_connections: "16" },
    person: true,
  },
  google_service: {
    members: ["service_account_key"],
    start: { remotehostname: "imap.gmail.com" },
  },
  google_code: {
    members: ["client_id", "client_secret"],
    start: { remotehostname: "imap.gmail.com", max_connections: "14" },
    person: true,
  },
  oauth_code: {
    members: ["client_id", "authorize_url", "token_url", "scope", "redirect_url", "client_secret"],
    person: true,
  },
  oauth_client: {
    members: ["client_id", "token_url", "scope", "client_secret", "certificate_key"],
  },
  oauth_refresh: {
    members: ["client_id", "token_url", "scope", "client_secret", "refresh_token"],
  },
};

/** Members that never come back from the server. */
export const SECRETS = [
  "master_password",
  "client_secret",
  "certificate_key",
  "service_account_key",
  "refresh_token",
];
/** Secrets of several lines. */
export const LONG = ["certificate_key", "service_account_key"];

const TEXTS = [
  ...["master_user", "tenant", "client_id", "scope", "token_url", "device_url", "authorize_url"],
  ...["redirect_url", "expires_on"],
];

/** The values of an empty form. Numbers are text: that is what fields hold. */
export function emptySource() {
  return {
    source: "",
    auth: "microsoft_app",
    remotehostname: KINDS.microsoft_app.start.remotehostname,
    remoteport: "993",
    security: "ssl",
    tls_trust: "tofu",
    max_connections: KINDS.microsoft_app.start.max_connections,
    ...Object.fromEntries([...TEXTS, ...SECRETS].map((name) => [name, ""])),
  };
}

/** The values of a form for a source of list-sources; its secrets stay on the server. */
export function formOfSource(source) {
  const form = emptySource();
  for (const name of Object.keys(form)) {
    form[name] = String(source[name] ?? "");
  }
  return form;
}

/** Microsoft's tenant of all personal accounts. */
const PERSONS = "consumers";

/** What an answer of recognize-source that has found a server puts into the form. */
export function recognizedValues(answer) {
  const { auth, domain, remotehostname, remoteport, security, max_connections: most } = answer;
  const tenants = { microsoft_app: domain, microsoft_device: PERSONS };
  return {
    auth,
    remotehostname,
    security,
    remoteport: String(remoteport),
    max_connections: String(most),
    tenant: tenants[auth] ?? "",
  };
}

/** The input of set-source: only what this way to sign in has; endpoints set by other means stay. */
export function sourceInput(form) {
  const { members } = KINDS[form.auth];
  const secrets = SECRETS.filter((name) => members.includes(name) && form[name]);
  return {
    source: form.source,
    auth: form.auth,
    remotehostname: form.remotehostname,
    remoteport: Number(form.remoteport),
    security: form.security,
    tls_trust: form.tls_trust,
    max_connections: Number(form.max_connections || 0),
    ...Object.fromEntries([...TEXTS, ...secrets].map((name) => [name, form[name]])),
  };
}
