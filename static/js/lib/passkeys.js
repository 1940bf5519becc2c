// @ts-check
// Passkeys: whether this browser can, and what is said to it in JSON, which knows no bytes.

/** @typedef {Record<string, any>} Json */

/**
 * Whether passkeys of the house at `host` can work here: the browser knows them, and the page is of that house
 * and safe. At an address made of numbers browsers refuse.
 * @param {{ isSecureContext: boolean, PublicKeyCredential?: unknown, location: { hostname: string } }} window
 * @param {string} host
 */
export function canUsePasskeys({ isSecureContext, PublicKeyCredential, location }, host) {
  const { hostname } = location;
  const isOwn = hostname === host || hostname.endsWith(`.${host}`);
  return isSecureContext && Boolean(PublicKeyCredential) && Boolean(host) && isOwn && !isAddress(hostname);
}

/** What `navigator.credentials.create` takes. @param {Json} options as the server writes them */
export function optionsToMake(options) {
  return {
    ...options,
    challenge: toBytes(options.challenge),
    user: { ...options.user, id: toBytes(options.user.id) },
    excludeCredentials: options.excludeCredentials.map(withBytes),
  };
}

/** What `navigator.credentials.get` takes. @param {Json} options as the server writes them */
export function optionsToUse(options) {
  return {
    ...options,
    challenge: toBytes(options.challenge),
    allowCredentials: options.allowCredentials.map(withBytes),
  };
}

/** What the server reads. @param {any} credential what the browser gave, of either kind */
export function answerOf(credential) {
  const { response } = credential;
  const parts = response.attestationObject
    ? { attestationObject: toText(response.attestationObject), transports: response.getTransports?.() ?? [] }
    : {
        authenticatorData: toText(response.authenticatorData),
        signature: toText(response.signature),
        ...(response.userHandle && { userHandle: toText(response.userHandle) }),
      };
  return JSON.stringify({
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response: { clientDataJSON: toText(response.clientDataJSON), ...parts },
  });
}

/**
 * Which words say why it came to nothing.
 * @param {unknown} error @param {"create" | "get"} ask
 */
export function reasonOf(error, ask) {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  if (name === "InvalidStateError" && ask === "create") return "passkey.known";
  // Browsers do not tell whether somebody changed their mind or there was nothing to choose.
  if (name !== "NotAllowedError" && name !== "AbortError") return "passkey.failed";
  return ask === "create" ? "passkey.not_made" : "passkey.cancelled";
}

/** @param {string} text base64url */
export function toBytes(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** @param {ArrayBuffer | Uint8Array} bytes */
export function toText(bytes) {
  const binary = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @param {Json} credential */
function withBytes(credential) {
  return { ...credential, id: toBytes(credential.id) };
}

/** @param {string} hostname */
function isAddress(hostname) {
  return /^[\d.]+$/.test(hostname) || hostname.startsWith("[");
}
