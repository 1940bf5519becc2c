// @ts-check
// Files that are pasted, or dropped on the conversation.

/**
 * @param {HTMLElement} place where they may be dropped
 * @param {HTMLElement} text where they may be pasted
 * @param {{ mayTake: () => boolean, take: (files: Iterable<File>) => void, signal: AbortSignal }} options
 */
export function takeOfferedFiles(place, text, { mayTake, take, signal }) {
  text.addEventListener("paste", (event) => {
    const { clipboardData } = event;
    // What was copied out of a document comes as a picture of itself, too; its words are meant.
    if (!clipboardData?.files.length || clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    if (mayTake()) take(clipboardData.files);
  }, { signal });
  place.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    if (mayTake()) place.classList.add("is-offered-files");
    else if (event.dataTransfer) event.dataTransfer.dropEffect = "none";
  }, { signal });
  place.addEventListener("dragleave", (event) => {
    if (!(event.relatedTarget instanceof Node && place.contains(event.relatedTarget))) {
      place.classList.remove("is-offered-files");
    }
  }, { signal });
  place.addEventListener("drop", (event) => {
    place.classList.remove("is-offered-files");
    if (!holdsFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    if (mayTake()) take(event.dataTransfer.files);
  }, { signal });
}

/** @param {DragEvent} event */
function holdsFiles({ dataTransfer }) {
  return Boolean(dataTransfer?.types.includes("Files"));
}
