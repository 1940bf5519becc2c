// @ts-check
// The service worker makes HomeChat an app that a phone can keep; pages work without it.

/**
 * Registers the worker for everything below `root`, once the page has all it needs for itself.
 * @param {Window & typeof globalThis} window @param {string} root the path in front of every URL, or ""
 */
export function keepWorker(window, root) {
  const { document, isSecureContext, navigator } = window;
  if (!isSecureContext || !("serviceWorker" in navigator)) return;
  const register = () => {
    // A browser that keeps nothing (a private window, a full disk) refuses: no reason to trouble anybody.
    navigator.serviceWorker.register(`${root}/sw.js`, { scope: `${root}/` }).catch(() => {});
  };
  if (document.readyState === "complete") register();
  else window.addEventListener("load", register, { once: true });
}
