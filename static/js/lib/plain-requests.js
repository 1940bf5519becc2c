// @ts-check
// The same questions that go over the socket, asked by plain HTTP where WebSocket is impossible.

/** @typedef {{ method: "GET" | "POST", path: string, form?: URLSearchParams }} PlainRequest */

/** @type {Record<string, (data: any) => PlainRequest>} */
const ROUTES = {
  "message:send": ({ room_id, body, client_id, reply_to_id, upload_ids }) =>
    post(`/rooms/${room_id}/messages`, { body, client_id, reply_to_id, upload_ids }),
  "message:edit": ({ message_id, body }) => post(`/messages/${message_id}/edit`, { body }),
  "message:delete": ({ message_id }) => post(`/messages/${message_id}/delete`, {}),
  "message:react": ({ message_id, emoji }) => post(`/messages/${message_id}/reactions`, { emoji }),
  "message:unreact": ({ message_id, emoji }) => post(`/messages/${message_id}/reactions/remove`, { emoji }),
  "message:answer": ({ message_id, action_id }) => post(`/messages/${message_id}/answer`, { action_id }),
  "message:history": ({ room_id, before, limit }) => get(`/rooms/${room_id}/messages`, { before, limit }),
  "message:changes": ({ room_id, after }) => get(`/rooms/${room_id}/changes`, { after }),
  "room:read": ({ room_id, seq }) => post(`/rooms/${room_id}/read`, { seq }),
  "room:list": () => get("/sidebar", {}),
};

/**
 * The plain request for a client event, or null for what only makes sense live (typing).
 * @param {string} event @param {any} data
 */
export function plainRequestFor(event, data) {
  return Object.hasOwn(ROUTES, event) ? ROUTES[event](data) : null;
}

/** @param {string} path @param {Record<string, unknown>} query @returns {PlainRequest} */
function get(path, query) {
  const search = fields(query).toString();
  return { method: "GET", path: search ? `${path}?${search}` : path };
}

/** @param {string} path @param {Record<string, unknown>} data @returns {PlainRequest} */
function post(path, data) {
  return { method: "POST", path, form: fields(data) };
}

/** @param {Record<string, unknown>} data */
function fields(data) {
  const given = Object.entries(data).filter(([, value]) => value !== undefined && value !== null);
  // A list is its name again and again.
  return new URLSearchParams(given.flatMap(([name, value]) => [value].flat().map((one) => [name, String(one)])));
}
