/**
 * The one function of Node's `crypto` that ns8-ui-lib 0.1.32 uses (for uuid v4), on the browser's Web Crypto.
 *
 * The library was bundled for webpack 4, which put a Node emulation in its place; Vite does not.
 */
function randomBytes(size) {
  return globalThis.crypto.getRandomValues(new Uint8Array(size));
}

export default { randomBytes };
