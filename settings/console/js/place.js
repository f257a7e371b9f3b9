/** The place in the console: what the address shows after `#/`, so that it can be sent to a colleague. */

import { useEffect, useState } from "../vendor/preact-htm.js";

/**
 * @typedef {object} Place
 * @property {string} view the first part, "" on the first view
 * @property {readonly string[]} parts all parts, decoded
 */

/**
 * Return the place that a fragment names.
 *
 * @param {string} fragment
 * @returns {Place}
 */
export function placeOf(fragment) {
  const parts = fragment.replace(/^#?\/?/, "").split("/").filter(Boolean).map(decoded);
  return { view: parts[0] ?? "", parts };
}

/**
 * Return the fragment of a place, for a link: `addressOf("keys", "RefreshToken")` is `#/keys/RefreshToken`.
 *
 * @param {...string} parts
 */
export function addressOf(...parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

/**
 * Go to a place. Back returns from it.
 *
 * @param {...string} parts
 */
export function goTo(...parts) {
  location.hash = addressOf(...parts);
}

/**
 * Return the current place. The component is drawn again when it changes.
 *
 * @returns {Place}
 */
export function usePlace() {
  const [fragment, setFragment] = useState(location.hash);
  useEffect(() => {
    const follow = () => setFragment(location.hash);
    addEventListener("hashchange", follow);
    follow();
    return () => removeEventListener("hashchange", follow);
  }, []);
  return placeOf(fragment);
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a percent sign that encodes nothing
  }
}
