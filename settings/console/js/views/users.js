/** The users of CIPP: their roles and where these come from, and invitations. */

import { html, useState } from "../../vendor/preact-htm.js";
import { WhyNot, useAllowance } from "../parts/allowance.js";
import { Part, useReading } from "../parts/reading.js";
import { CONTROL, Heading, Name, Sentence, Sign } from "../parts/text.js";
import { confirmWrite } from "../parts/write.js";

/** @typedef {import("../parts/responses.js").User} User */
/** @typedef {import("../parts/responses.js").Users} UsersValue */

const ROLES = ["superadmin", "admin", "editor", "readonly"];
const PLATFORM = ["authenticated", "anonymous"];

/** @param {import("./frame.js").ViewProps} props */
export function UsersView({ me }) {
  const reading = useReading("ListStaticWebAppUsers");
  const allowance = useAllowance(me, CONTROL, "controls");
  return html`<${Heading} title="Users" />
    <${Part} reading=${reading} what="the users">
      ${(/** @type {UsersValue} */ value) => html`
        <p class="muted">${value.SeatsUsed} of ${value.Seats} seats are used. <${Sentence} text=${value.Note} /></p>
        <ul class="rows">${value.Users.map((user) => html`<${UserRow} key=${`${user.Provider} ${user.UserId}`} user=${user} canWrite=${allowance.may} />`)}</ul>
        <${Invite} allowance=${allowance} known=${rolesOf(value.Users)} isFull=${value.SeatsUsed >= value.Seats} />`}
    <//>`;
}

/** Return CIPP's own roles, and the custom roles that users have. @param {User[]} users */
function rolesOf(users) {
  const custom = users.flatMap((user) => user.Roles).filter((role) => !ROLES.includes(role) && !PLATFORM.includes(role));
  return [...ROLES, ...new Set(custom)];
}

/** @param {{ user: User, canWrite: boolean }} props */
function UserRow({ user, canWrite }) {
  const [isOpen, setOpen] = useState(false);
  const roles = user.Roles.filter((role) => !PLATFORM.includes(role));
  const name = user.DisplayName.trim() || user.UserId; // an empty name would need no typing
  const remove = () =>
    confirmWrite({
      title: `Remove ${name}`,
      verb: "Remove",
      endpoint: "ExecStaticWebAppUserRemove",
      body: { UserId: user.UserId, Provider: user.Provider },
      typed: name,
      isDanger: true,
      intro: html`<p><${Sign} tone="warn" />The user loses all roles and can't use CIPP any more.</p>`,
    });
  const change = async (/** @type {string[]} */ chosen) => {
    const lost = roles.filter((role) => !chosen.includes(role));
    const isWritten = await confirmWrite({
      title: `Change the roles of ${name}`,
      verb: "Change",
      endpoint: "ExecStaticWebAppUserRoles",
      body: { UserId: user.UserId, Provider: user.Provider, Roles: chosen },
      typed: lost.length ? name : undefined,
      isDanger: lost.length > 0,
    });
    if (isWritten) setOpen(false);
  };
  return html`<li>
    <div class="setting"><strong><${Name}>${name}<//></strong>
      <span>${roles.map((role) => html`<span key=${role} class="chip"><${Name}>${role}<//></span> `)}
        <span class="muted small">from the static web app, signs in with ${user.Provider === "aad" ? "Microsoft Entra ID" : html`<${Name}>${user.Provider}<//>`}</span></span></div>
    ${user.UnknownRoles.length > 0 && html`<p class="card-problem"><${Sign} tone="warn" size=${16} />CIPP doesn't know the role <${Name}>${user.UnknownRoles.join(", ")}<//>.</p>`}
    ${isOpen
      ? html`<${RoleForm} known=${rolesOf([user])} chosen=${roles} save=${change} cancel=${() => setOpen(false)} label=${`Roles of ${name}`} />`
      : html`<div class="buttons">
          <button type="button" class="small quiet" disabled=${!canWrite} aria-label=${`Change roles of ${name}`} onClick=${() => setOpen(true)}>Change roles</button>
          <button type="button" class="small danger-quiet" disabled=${!canWrite} aria-label=${`Remove ${name}`} onClick=${remove}>Remove</button></div>`}
  </li>`;
}

/** @param {{ known: string[], chosen: string[], save: (roles: string[]) => void, cancel: () => void, label: string }} props */
function RoleForm({ known, chosen, save, cancel, label }) {
  const [roles, setRoles] = useState(chosen);
  const [custom, setCustom] = useState("");
  const all = custom.trim() ? [...roles, custom.trim()] : roles;
  return html`<form class="inline" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); save(all); }}>
    <${RoleBoxes} known=${known} roles=${roles} setRoles=${setRoles} custom=${custom} setCustom=${setCustom} label=${label} />
    <div class="buttons"><button class="primary small" disabled=${!all.length}>Review</button>
      <button type="button" class="small quiet" onClick=${cancel}>Cancel</button></div></form>`;
}

/** Boxes for the roles, and a field for a custom role that no user has yet.
 * @param {{ known: string[], roles: string[], setRoles: (roles: string[]) => void, custom: string,
 *   setCustom: (text: string) => void, label: string, disabled?: boolean }} props */
function RoleBoxes({ known, roles, setRoles, custom, setCustom, label, disabled }) {
  const toggle = (/** @type {string} */ role) => setRoles(roles.includes(role) ? roles.filter((one) => one !== role) : [...roles, role]);
  return html`<fieldset><legend>${label}</legend>
    <div class="choices">${known.map((role) => html`<label class="choice" key=${role}>
      <input type="checkbox" disabled=${disabled} checked=${roles.includes(role)} onChange=${() => toggle(role)} /><span><${Name}>${role}<//></span></label>`)}</div>
    <label class="field"><span>Another custom role (optional)</span><input type="text" value=${custom} disabled=${disabled} autocomplete="off"
      autocapitalize="none" onInput=${(/** @type {any} */ event) => setCustom(event.target.value)} /></label></fieldset>`;
}

/** @param {{ allowance: import("../parts/allowance.js").Allowance, known: string[], isFull: boolean }} props */
function Invite({ allowance, known, isFull }) {
  const canWrite = allowance.may;
  const [details, setDetails] = useState("");
  const [roles, setRoles] = useState(["readonly"]);
  const [custom, setCustom] = useState("");
  const [hours, setHours] = useState("24");
  const all = custom.trim() ? [...roles, custom.trim()] : roles;
  const invite = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const isWritten = await confirmWrite({
      title: `Invite ${details.trim()}`,
      verb: "Invite",
      endpoint: "ExecStaticWebAppUserInvite",
      body: { UserDetails: details.trim(), Roles: all, Hours: Number(hours) },
      canForce: true,
    });
    if (isWritten) setDetails("");
  };
  return html`<form class="card wide" onSubmit=${invite} aria-labelledby="invite"><h2 id="invite">Invite a user</h2>
    ${isFull && html`<p><${Sign} tone="warn" />All seats are used. Remove a user first.</p>`}
    <div class="fields">
      <label class="field"><span>E-mail address of the user</span><input type="text" inputmode="email" required value=${details} disabled=${!canWrite}
        autocomplete="off" autocapitalize="none" spellcheck=${false} dir="auto" onInput=${(/** @type {any} */ event) => setDetails(event.target.value)} /></label>
      <label class="field"><span>Valid for hours (1 to 168)</span><input type="number" min="1" max="168" required value=${hours} disabled=${!canWrite}
        onInput=${(/** @type {any} */ event) => setHours(event.target.value)} /></label>
    </div>
    <${RoleBoxes} known=${known} roles=${roles} setRoles=${setRoles} custom=${custom} setCustom=${setCustom} label="Roles" disabled=${!canWrite} />
    <button class="primary" disabled=${!canWrite || !all.length}>Invite</button>
    <${WhyNot} allowance=${allowance} />
  </form>`;
}
