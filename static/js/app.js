// @ts-check
// The one script of every page. It brings the elements to life; without it the pages work as plain pages.

import { hasFilesOnlyHere, me, moveIn, say } from "./house.js";
import "./elements/action-cards.js";
import "./elements/connection-pill.js";
import "./elements/copy-code.js";
import "./elements/copy-link.js";
import "./elements/device-news.js";
import "./elements/locked-door.js";
import "./elements/message-composer.js";
import "./elements/message-list.js";
import "./elements/message-menu.js";
import "./elements/newcomer-badge.js";
import "./elements/passkey-button.js";
import "./elements/password-field.js";
import "./elements/picture-viewer.js";
import "./elements/room-list.js";
import "./elements/theme-switch.js";
import "./elements/typing-line.js";
import { page } from "./page.js";
import { makeRoomForKeyboard } from "./parts/keyboard.js";
import { askBeforeLeaving } from "./parts/leaving.js";
import { showPresence } from "./parts/presence.js";
import { showRoomNews } from "./parts/room-header.js";
import { keepWorker } from "./parts/service-worker.js";
import { keepTimes } from "./parts/time-texts.js";
import { showUnreadTotal } from "./parts/unread-total.js";

keepTimes(document);
keepWorker(window, page.root);
// Before a locked door there is nothing to hear; it opens by itself.
if (me && !document.querySelector("locked-door")) {
  makeRoomForKeyboard();
  showPresence();
  showRoomNews();
  askBeforeLeaving(window, { isAtRisk: hasFilesOnlyHere, question: say("files.leave") });
  moveIn();
} else {
  showUnreadTotal(0);
}
