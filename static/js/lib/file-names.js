// @ts-check

const MOST = 40;
const AT_THE_START = 24;
const AT_THE_END = 15;

/** A name as two lines of a phone have room for it, without its middle; as `FileCard.short_name`. @param {string} name */
export function shortName(name) {
  const characters = [...name];
  if (characters.length <= MOST) return name;
  return `${characters.slice(0, AT_THE_START).join("")}…${characters.slice(-AT_THE_END).join("")}`;
}
