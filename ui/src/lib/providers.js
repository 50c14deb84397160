/** Well-known mail providers: what to put into server, port and encryption for a mail address. */
import providers from "../data/providers.json";

/**
 * The provider of a mail address, or null.
 *
 * @returns {{name: string, hostname: string, port: number, security: string, note: string|undefined}|null}
 */
export function providerOf(address) {
  const domain = /@([^@\s]+)$/.exec(address || "")?.[1].toLowerCase();
  if (!domain) {
    return null;
  }
  return (
    providers.find(({ domains }) =>
      domains.some((pattern) =>
        pattern.endsWith(".*") ? domain.startsWith(pattern.slice(0, -1)) : domain === pattern,
      ),
    ) ?? null
  );
}
