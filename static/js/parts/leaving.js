// @ts-check

/**
 * Asks before the page is left while something would be lost with it.
 * @param {Window} window @param {{ isAtRisk: () => boolean, question: string }} options
 */
export function askBeforeLeaving(window, { isAtRisk, question }) {
  let isAnswered = false;
  // Browsers on iPhones and iPads know no question before leaving, so what leads away asks itself.
  window.document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!(link instanceof HTMLAnchorElement) || !leadsAway(link, event) || !isAtRisk()) return;
    isAnswered = window.confirm(question);
    if (!isAnswered) event.preventDefault();
  });
  window.addEventListener("beforeunload", (event) => {
    if (isAtRisk() && !isAnswered) event.preventDefault();
    isAnswered = false;
  });
}

/** @param {HTMLAnchorElement} link @param {MouseEvent} event */
function leadsAway({ href, target, download }, event) {
  const isHere = href.split("#")[0] === location.href.split("#")[0] && href.includes("#");
  const isElsewhere = event.ctrlKey || event.metaKey || event.shiftKey || target === "_blank" || download;
  return !event.defaultPrevented && !isHere && !isElsewhere;
}
