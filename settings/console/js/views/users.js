/** The users of CIPP in any shape: their roles and where these come from, new users, and invitations. */

import { html, useState } from "../../vendor/preact-htm.js";
import { WhyNot, useAllowance } from "../parts/allowance.js";
import { Part, useReading } from "../parts/reading.js";
import { CONTROL, Copyable, Heading, Name, Sentence, Sign, When } from "../parts/text.js";
import { confirmWrite } from "../parts/write.js";

/** @typedef {import("../parts/responses.js").User} User */
/** @typedef {import("../parts/responses.js").UserRole} UserRole */
/** @typedef {import("../parts/responses.js").Users} UsersValue */

const PLATFORM = ["authenticated", "anonymous"];

/** @param {import("./frame.js").ViewProps} props */
export function UsersView({ me }) {
  const reading = useReading("ListBackendUsers");
  const allowance = useAllowance(me, CONTROL, "controls");
  return html`<${Heading} title="Users" />
    <${Part} reading=${reading} what="the users">
      ${(/** @type {UsersValue} */ value) => {
        const known = value.AvailableRoles.map((role) => role.Role);
        return html`
        ${value.Overwritten.map((change) => html`<p class="card-problem" key=${change.User}><${Sign} tone="warn" size=${16} /><${Sentence} text=${change.Text} /> <span class="muted small"><${When} at=${change.Time} /></span></p>`)}
        <${About} value=${value} />
        <ul class="rows">${value.Users.map((user) => html`<${UserRow} key=${`${user.Provider} ${user.UserId} ${user.User}`} user=${user} known=${known} canWrite=${allowance.may} />`)}</ul>
        <${NewUser} allowance=${allowance} known=${known} isInvited=${value.Seats !== null} isFull=${value.Seats !== null && (value.SeatsUsed ?? 0) >= value.Seats} />`;
      }}
    <//>`;
}

/** What applies to all users. @param {{ value: UsersValue }} props */
function About({ value }) {
  return html`<p class="muted">${value.Seats !== null && html`${value.SeatsUsed} of ${value.Seats} seats are used. `}
      ${value.EffectiveWithinMinutes !== null && html`A change takes effect in CIPP within ${value.EffectiveWithinMinutes} minutes. `}
      ${value.Notes.map((note) => html`<${Sentence} key=${note} text=${note} /> `)}</p>
    ${value.Address && html`<p class="muted small">New users open <${Copyable} text=${value.Address} what="the address of CIPP" /></p>`}
    ${value.Groups.length > 0 && html`<p class="muted small">Members of these groups have a role: ${value.Groups.map((one) => html`<span key=${`${one.GroupId} ${one.Role}`} class="chip"><${Name}>${one.Group}<//>: <${Name}>${one.Role}<//></span> `)}</p>`}`;
}

/** Return where a role comes from. @param {UserRole} role @param {User} user */
function originOf(role, user) {
  if (user.Source === null && user.Provider !== null) return "";
  const groups = role.Groups.length ? `by ${role.Groups.length > 1 ? "groups" : "group"} ${role.Groups.join(", ")}` : "by a group";
  const origins = [...(role.Manual ? ["by hand"] : []), ...(role.BySync ? [groups] : [])];
  return origins.length ? ` ${origins.join(" and ")}` : " from another row";
}

/** Return the roles that a person assigned. Only these can be changed here. @param {User} user */
function assigned(user) {
  return user.Roles.filter((role) => role.Manual && !PLATFORM.includes(role.Role)).map((role) => role.Role);
}

/** @param {{ user: User, known: string[], canWrite: boolean }} props */
function UserRow({ user, known, canWrite }) {
  const [isOpen, setOpen] = useState(false);
  const roles = assigned(user);
  const name = user.DisplayName?.trim() || user.User; // an empty name would need no typing
  const body = { User: user.UserId ?? user.User, ...(user.Provider === null ? {} : { Provider: user.Provider }) };
  const remove = () =>
    confirmWrite({
      title: `Remove ${name}`,
      verb: "Remove",
      endpoint: "ExecBackendUserRemove",
      body,
      typed: name,
      isDanger: true,
      intro: html`<p><${Sign} tone="warn" />The user loses all roles and can't use CIPP any more, unless a group gives them a role.</p>`,
    });
  const change = async (/** @type {string[]} */ chosen) => {
    const lost = roles.filter((role) => !chosen.includes(role));
    const isWritten = await confirmWrite({
      title: `Change the roles of ${name}`,
      verb: "Change",
      endpoint: "ExecBackendUserSet",
      body: { ...body, Roles: chosen },
      typed: lost.length ? name : undefined,
      isDanger: lost.length > 0,
      canForce: true,
    });
    if (isWritten) setOpen(false);
  };
  return html`<li>
    <div class="setting"><strong><${Name}>${name}<//></strong>
      <span>${user.Roles.filter((role) => !PLATFORM.includes(role.Role)).map((role) => html`<span key=${role.Role} class="chip"><${Name}>${role.Role}<//><span class="muted small">${originOf(role, user)}</span></span> `)}
        ${user.Provider !== null && html`<span class="muted small">from the static web app, signs in with ${user.Provider === "aad" ? "Microsoft Entra ID" : html`<${Name}>${user.Provider}<//>`}</span>`}
        ${user.IsLastSuperadmin && html`<span class="muted small"> the last superadmin, who can't be removed</span>`}</span></div>
    ${user.LastSync && html`<p class="muted small">CIPP's sync last wrote this user <${When} at=${user.LastSync} /></p>`}
    ${user.Problems.map((problem) => html`<p class="card-problem" key=${problem}><${Sign} tone="warn" size=${16} /><${Sentence} text=${problem} /></p>`)}
    ${isOpen
      ? html`<${RoleForm} known=${[...new Set([...known, ...roles])]} chosen=${roles} save=${change} cancel=${() => setOpen(false)} label=${`Roles of ${name}`} />`
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

/** A container adds the user. A static web app invites the user, by a link.
 * @param {{ allowance: import("../parts/allowance.js").Allowance, known: string[], isInvited: boolean, isFull: boolean }} props */
function NewUser({ allowance, known, isInvited, isFull }) {
  const canWrite = allowance.may;
  const [details, setDetails] = useState("");
  const [roles, setRoles] = useState(["readonly"]);
  const [custom, setCustom] = useState("");
  const [hours, setHours] = useState("24");
  const all = custom.trim() ? [...roles, custom.trim()] : roles;
  const verb = isInvited ? "Invite" : "Add";
  const add = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const isWritten = await confirmWrite({
      title: `${verb} ${details.trim()}`,
      verb,
      endpoint: "ExecBackendUserSet",
      body: { User: details.trim(), Roles: all, ...(isInvited ? { Hours: Number(hours) } : {}) },
      canForce: true,
    });
    if (isWritten) setDetails("");
  };
  return html`<form class="card wide" onSubmit=${add} aria-labelledby="invite"><h2 id="invite">${verb} a user</h2>
    ${isFull && html`<p><${Sign} tone="warn" />All seats are used. Remove a user first.</p>`}
    <div class="fields">
      <label class="field"><span>${isInvited ? "E-mail address of the user" : "User principal name, such as alex@contoso.com"}</span><input type="text" inputmode="email" required value=${details} disabled=${!canWrite}
        autocomplete="off" autocapitalize="none" spellcheck=${false} dir="auto" onInput=${(/** @type {any} */ event) => setDetails(event.target.value)} /></label>
      ${isInvited && html`<label class="field"><span>Valid for hours (1 to 168)</span><input type="number" min="1" max="168" required value=${hours} disabled=${!canWrite}
        onInput=${(/** @type {any} */ event) => setHours(event.target.value)} /></label>`}
    </div>
    <${RoleBoxes} known=${known} roles=${roles} setRoles=${setRoles} custom=${custom} setCustom=${setCustom} label="Roles" disabled=${!canWrite} />
    <button class="primary" disabled=${!canWrite || !all.length}>${verb}</button>
    <${WhyNot} allowance=${allowance} />
  </form>`;
}
