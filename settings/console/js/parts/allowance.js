/** Whether a control is enabled: by the caller's permission, and by what this installation may change. */

import { createContext, html, useContext } from "../../vendor/preact-htm.js";
import { Sentence, rolesWith } from "./text.js";

/** @typedef {import("./responses.js").Me} Me */
/** @typedef {import("./responses.js").Overview} Overview */

/** A group of changes that the deployment allows. @typedef {"controls" | "rotation"} Option */
/** Whether a control is enabled. If not, `why` is a sentence, and `note` is what to do about it.
 * @typedef {{ may: boolean, why: string, note: string }} Allowance */

/** What this installation may change, undefined while it is not known. Then the API decides at the write. */
export const Changes = createContext(/** @type {Overview | undefined} */ (undefined));

/** How each option's note names it. @type {Record<Option, string>} */
const PARAMETERS = { controls: "enableControls", rotation: "enableRotation" };

/** Return whether the caller may use a control. @param {Me} me @param {string} permission @param {Option} option
 * @returns {Allowance} */
export function useAllowance(me, permission, option) {
  const overview = useContext(Changes);
  if (!me.permissions.includes(permission)) return { may: false, why: `This needs the role ${rolesWith(permission)}.`, note: "" };
  if (!overview || overview.Mode.includes(option)) return { may: true, why: "", note: "" };
  const note = overview.ModeNotes.find((text) => text.includes(PARAMETERS[option])) ?? "";
  return { may: false, why: "Changes are off in this installation.", note };
}

/** Why the controls of a view are disabled. @param {{ allowance: Allowance }} props */
export function WhyNot({ allowance: { may, why, note } }) {
  return may ? null : html`<p class="muted small">${why} ${note && html`<${Sentence} text=${note} />`}</p>`;
}
