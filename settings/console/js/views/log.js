/** The audit log: who changed what through this app, what a run did, and what was denied. */

import { html, useState } from "../../vendor/preact-htm.js";
import { addressOf } from "../place.js";
import { Part, useReading } from "../parts/reading.js";
import { Badge, Heading, Name, Sentence, Sign, When } from "../parts/text.js";

/** @typedef {import("../parts/responses.js").LogEntry} LogEntry */
/** @typedef {import("../parts/responses.js").LogPage} LogPageValue */
/** @typedef {import("../parts/text.js").Tone} Tone */
/** @typedef {{ User: string, Endpoint: string, Outcome: string }} Filter */

/** How each outcome is shown. @type {Record<string, { tone: Tone, word: string }>} */
const OUTCOMES = {
  done: { tone: "ok", word: "Done" },
  rotated: { tone: "ok", word: "Rotated" },
  failed: { tone: "bad", word: "Failed" },
  denied: { tone: "warn", word: "Denied" },
};
/** @type {Filter} */
const EVERYTHING = { User: "", Endpoint: "", Outcome: "" };

export function LogView() {
  const [filter, setFilter] = useState(EVERYTHING);
  const [befores, setBefores] = useState(/** @type {string[]} */ ([]));
  const before = befores.at(-1);
  const given = Object.entries({ ...filter, Before: before ?? "", Top: "50" }).filter(([, value]) => value !== "");
  const reading = useReading("ListBackendLog", Object.fromEntries(given), { isCostly: true }); // it reads up to 15 days of CippLogs
  const search = (/** @type {Filter} */ wanted) => {
    setBefores([]);
    setFilter(wanted);
  };
  if (reading.error?.status === 404 && !reading.value) {
    return html`<${Heading} title="Log" /><p><${Sign} tone="info" />This version of CIPP Backend doesn't show its log. CIPP's Logbook has it.</p>`;
  }
  return html`<${Heading} title="Log" />
    <p class="muted">What was changed through CIPP Backend in the last 14 days. CIPP's Logbook has all entries.
      This page loads again when you press the button at the top.</p>
    <${Search} search=${search} />
    <${Part} reading=${reading} what="the log">
      ${(/** @type {LogPageValue} */ value) => html`
        ${value.Notes.map((note) => html`<p key=${note}><${Sign} tone="warn" /><${Sentence} text=${note} /></p>`)}
        ${value.Entries.length
          ? html`<ol class="rows">${value.Entries.map((entry) => html`<${Entry} key=${entry.Id} entry=${entry} />`)}</ol>`
          : html`<p class="muted">There is no such entry.</p>`}
        <nav class="pages" aria-label="Pages of the log">
          <button type="button" class="small" disabled=${!befores.length} onClick=${() => setBefores(befores.slice(0, -1))}>Newer</button>
          <button type="button" class="small" disabled=${!value.Before} onClick=${() => value.Before && setBefores([...befores, value.Before])}>Older</button>
        </nav>`}
    <//>`;
}

/** @param {{ search: (filter: Filter) => void }} props */
function Search({ search }) {
  const [filter, setFilter] = useState(EVERYTHING);
  const set = (/** @type {Partial<Filter>} */ change) => setFilter({ ...filter, ...change });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    search({ User: filter.User.trim(), Endpoint: filter.Endpoint.trim(), Outcome: filter.Outcome });
  };
  return html`<form class="filter" role="search" aria-label="Entries" onSubmit=${submit}>
    <label class="field"><span>User</span><input type="search" value=${filter.User} autocomplete="off" dir="auto"
      onInput=${(/** @type {any} */ event) => set({ User: event.target.value })} /></label>
    <label class="field"><span>Endpoint</span><input type="search" value=${filter.Endpoint} autocomplete="off"
      onInput=${(/** @type {any} */ event) => set({ Endpoint: event.target.value })} /></label>
    <label class="field"><span>Outcome</span><select value=${filter.Outcome}
      onChange=${(/** @type {any} */ event) => set({ Outcome: event.target.value })}>
      <option value="">any</option>${Object.entries(OUTCOMES).map(([value, { word }]) => html`<option key=${value} value=${value}>${word}</option>`)}
    </select></label>
    <button>Search</button></form>`;
}

/** @param {{ entry: LogEntry }} props */
function Entry({ entry }) {
  const { tone, word } = OUTCOMES[entry.Outcome ?? ""] ?? { tone: /** @type {Tone} */ ("info"), word: entry.Outcome ?? "Entry" };
  return html`<li class="entry">
    <p class="line"><${Badge} tone=${tone}>${entry.DryRun ? `${word}, dry run` : word}<//>
      <strong><${Name}>${entry.Endpoint ?? entry.Key ?? entry.Api}<//></strong>
      <span class="muted small">by <${Name}>${entry.User || "unknown"}<//>${entry.Roles && html` (<${Name}>${entry.Roles}<//>)`}, <${When} at=${entry.Time} /></span></p>
    <p><${Sentence} text=${entry.Message} /></p>
    <p class="muted small line">
      ${entry.Address && html`<span>from <code>${entry.Address}</code></span>`}
      ${entry.Tenant && html`<span>tenant <${Name}>${entry.Tenant}<//></span>`}
      ${entry.RunId && html`<a href=${addressOf("runs", entry.RunId)}>See the run</a>`}
      ${entry.CorrelationId && html`<span>Correlation ID <code>${entry.CorrelationId}</code></span>`}</p>
  </li>`;
}
