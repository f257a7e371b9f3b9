/** The settings of an app. Edits are collected, shown as a difference, and written together. */

import { html, useState } from "../../vendor/preact-htm.js";
import { goTo } from "../place.js";
import { WhyNot, useAllowance } from "../parts/allowance.js";
import { Part, useReading } from "../parts/reading.js";
import { Badge, CONTROL, Heading, Name, Sign } from "../parts/text.js";
import { confirmWrite } from "../parts/write.js";

/** @typedef {import("../parts/responses.js").Setting} Setting */
/** @typedef {import("../parts/responses.js").App} App */
/** The edits that are not written yet: a new value by name, or null to remove the setting. @typedef {Map<string, string | null>} Edits */

/** @param {import("./frame.js").ViewProps} props */
export function SettingsView({ me, place }) {
  const apps = useReading("ListFunctionApps");
  const allowance = useAllowance(me, CONTROL, "controls");
  const list = /** @type {App[]} */ (apps.value ?? []);
  const name = place[1] ?? list.find((app) => app.IsMain)?.Name;
  return html`<${Heading} title="Settings">
      ${list.length > 1 && name && html`<label class="inline-field"><span>App</span>
        <select value=${name} onChange=${(/** @type {any} */ event) => goTo("settings", event.target.value)}>
          ${list.map((app) => html`<option key=${app.Name} value=${app.Name}>${app.Name}${app.AnswersThis ? " (this app)" : ""}</option>`)}
        </select></label>`}
    <//>
    ${name
      ? html`<${SettingsOf} key=${name} name=${name} allowance=${allowance} />`
      : html`<${Part} reading=${apps} what="the apps">${() => html`<p>CIPP has no app here.</p>`}<//>`}`;
}

/** @param {{ name: string, allowance: import("../parts/allowance.js").Allowance }} props */
function SettingsOf({ name, allowance }) {
  const canWrite = allowance.may;
  const reading = useReading("ListFunctionAppSettings", { Name: name });
  const [edits, setEdits] = useState(/** @type {Edits} */ (new Map()));
  const [search, setSearch] = useState("");
  const edit = (/** @type {string} */ setting, /** @type {string | null | undefined} */ value) => {
    const next = new Map(edits);
    if (value === undefined) next.delete(setting);
    else next.set(setting, value);
    setEdits(next);
  };
  return html`<p class="muted">Only harmless values are shown. A secret never reaches this page.</p>
    <${WhyNot} allowance=${allowance} />
    <${Part} reading=${reading} what="the settings">
      ${(/** @type {Setting[]} */ settings) => {
        const shown = settings.filter((setting) => setting.Name.toLowerCase().includes(search.trim().toLowerCase()));
        const added = [...edits].filter(([setting]) => !settings.some((one) => one.Name.toLowerCase() === setting.toLowerCase()));
        return html`
          <${Difference} name=${name} settings=${settings} edits=${edits} edit=${edit} clear=${() => setEdits(new Map())} />
          <div class="heading"><h2>${settings.length} settings</h2>
            <label class="search"><span class="hidden">Search settings</span><input type="search" placeholder="Search" value=${search}
              onInput=${(/** @type {any} */ event) => setSearch(event.target.value)} /></label></div>
          <ul class="rows">${shown.map((setting) => html`<${Row} key=${setting.Name} setting=${setting} canWrite=${canWrite} edits=${edits} edit=${edit} />`)}</ul>
          <${NewSetting} canWrite=${canWrite} edit=${edit} isTaken=${(/** @type {string} */ text) =>
            added.some(([setting]) => setting === text) || settings.some((one) => one.Name.toLowerCase() === text.toLowerCase())} />`;
      }}
    <//>`;
}

/** What is shown as the value. @param {{ setting: Setting }} props */
function Value({ setting }) {
  if (setting.KeyVaultReference) {
    const status = setting.ReferenceStatus;
    return html`<span class="muted">in the key vault</span> ${status && html`<${Badge} tone=${status === "Resolved" ? "ok" : "warn"}>${status}<//>`}`;
  }
  return setting.Masked ? html`<span class="masked">hidden</span>` : html`<code><${Name}>${setting.Value || '""'}<//></code>`;
}

/** @param {{ setting: Setting, canWrite: boolean, edits: Edits, edit: (name: string, value?: string | null) => void }} props */
function Row({ setting, canWrite, edits, edit }) {
  const [isOpen, setOpen] = useState(false);
  const [text, setText] = useState("");
  const pending = edits.has(setting.Name);
  const open = () => {
    setText(setting.Value ?? "");
    setOpen(true);
  };
  const keep = (/** @type {Event} */ event) => {
    event.preventDefault();
    edit(setting.Name, text);
    setOpen(false);
  };
  return html`<li class=${pending ? "pending" : ""}>
    <div class="setting"><strong><${Name}>${setting.Name}<//></strong><span><${Value} setting=${setting} />
      ${setting.SlotSetting && html` <${Badge} tone="info">slot setting<//>`}</span></div>
    ${isOpen
      ? html`<form class="inline" onSubmit=${keep}><label class="field"><span>New value of <${Name}>${setting.Name}<//></span>
          <input type="text" value=${text} autocomplete="off" spellcheck=${false} dir="auto"
            onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>
          <div class="buttons"><button class="primary small">Add to the changes</button>
            <button type="button" class="small quiet" onClick=${() => setOpen(false)}>Cancel</button></div></form>`
      : html`<div class="buttons">
          ${pending
            ? html`<button type="button" class="small quiet" aria-label=${`Undo the change of ${setting.Name}`} onClick=${() => edit(setting.Name)}>Undo</button>`
            : html`<button type="button" class="small quiet" disabled=${!canWrite} aria-label=${`Change ${setting.Name}`} onClick=${open}>Change</button>
              <button type="button" class="small quiet" disabled=${!canWrite} aria-label=${`Remove ${setting.Name}`} onClick=${() => edit(setting.Name, null)}>Remove</button>`}
        </div>`}
  </li>`;
}

/** @param {{ canWrite: boolean, isTaken: (name: string) => boolean, edit: (name: string, value: string) => void }} props */
function NewSetting({ canWrite, isTaken, edit }) {
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const taken = name.trim() !== "" && isTaken(name.trim());
  const add = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (taken || !name.trim()) return;
    edit(name.trim(), value);
    setName("");
    setValue("");
  };
  return html`<form class="card wide" onSubmit=${add} aria-labelledby="new-setting"><h2 id="new-setting">New setting</h2>
    <div class="fields"><label class="field"><span>Name</span><input type="text" required value=${name} disabled=${!canWrite} autocomplete="off"
        spellcheck=${false} aria-describedby="new-setting-problem" onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
      <label class="field"><span>Value</span><input type="text" value=${value} disabled=${!canWrite} autocomplete="off" dir="auto"
        spellcheck=${false} onInput=${(/** @type {any} */ event) => setValue(event.target.value)} /></label></div>
    <p id="new-setting-problem" class="muted small" role="status">${taken ? "This setting exists. Change it in the list." : ""}</p>
    <button disabled=${!canWrite || taken}>Add to the changes</button></form>`;
}

/** The changes that are not written yet.
 * @param {{ name: string, settings: Setting[], edits: Edits, edit: (name: string) => void, clear: () => void }} props */
function Difference({ name, settings, edits, edit, clear }) {
  if (!edits.size) return null;
  const values = [...edits];
  const write = async () => {
    const isWritten = await confirmWrite({
      title: `Write ${edits.size === 1 ? "1 change" : `${edits.size} changes`} to ${name}`,
      verb: "Write",
      endpoint: "ExecFunctionAppSettings",
      body: {
        Name: name,
        Set: Object.fromEntries(values.filter(([, value]) => value !== null)),
        Remove: values.filter(([, value]) => value === null).map(([setting]) => setting),
      },
      isLong: true,
      canForce: true,
    });
    if (isWritten) clear();
  };
  return html`<section class="card wide difference" aria-label="Changes that are not written yet">
    <h2>${edits.size === 1 ? "1 change" : `${edits.size} changes`}, not written yet</h2>
    <ul class="plain">${values.map(([setting, value]) => {
      const before = settings.find((one) => one.Name === setting);
      return html`<li key=${setting}><strong><${Name}>${setting}<//></strong>
        ${before && html`<p class="removed"><span class="mark">− <span class="hidden">before: </span></span><${Value} setting=${before} /></p>`}
        ${value === null
          ? html`<p class="removed"><${Sign} tone="bad" size=${16} />is removed</p>`
          : html`<p class="added"><span class="mark">+ <span class="hidden">after: </span></span><code><${Name}>${value || '""'}<//></code></p>`}
        <button type="button" class="small quiet" aria-label=${`Undo ${setting}`} onClick=${() => edit(setting)}>Undo</button></li>`;
    })}</ul>
    <div class="buttons"><button type="button" class="primary" onClick=${write}>Review and write</button>
      <button type="button" class="quiet" onClick=${clear}>Discard all</button></div>
    <p class="muted small">Other settings stay as they are. If you leave this page, the changes are discarded.</p>
  </section>`;
}
