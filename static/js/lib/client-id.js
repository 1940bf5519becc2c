// @ts-check

/**
 * A new name for something this browser is about to send: 32 or 36 characters of [0-9a-f-], never used
 * before.
 * @param {{ randomUUID?: () => string, getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array }} [source]
 */
export function newClientId(source = globalThis.crypto) {
  // Browsers hide randomUUID on plain http, which is how most houses are reached at home.
  if (source.randomUUID) return source.randomUUID();
  const bytes = source.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
