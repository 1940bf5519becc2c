// @ts-check

import { withUnread } from "../lib/unread.js";

/**
 * Says how much is unread in all where one sees it without opening the page: in its title, and on the icon of
 * the installed app.
 * @param {number} count
 */
export function showUnreadTotal(count) {
  document.title = withUnread(document.title, count);
  // Few browsers have it, none on plain http, and some refuse unless the app is installed. 0 takes it off.
  navigator.setAppBadge?.(count).catch(() => {});
}
