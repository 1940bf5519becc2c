// @ts-check

/**
 * Copies what stands in `field`; returns whether that worked. Where it did not, the text is selected, so that
 * people can copy it themselves.
 * @param {Pick<HTMLInputElement, "value" | "focus" | "select">} field
 * @param {{ clipboard?: Pick<Clipboard, "writeText">, execCommand: (command: string) => boolean }} means
 */
export async function copyFrom(field, { clipboard, execCommand }) {
  // Browsers hide the clipboard on plain http, which is how most houses are reached at home.
  const copied = await clipboard?.writeText(field.value).then(() => true, () => false);
  if (copied) return true;
  field.focus();
  field.select();
  return execCommand("copy");
}
