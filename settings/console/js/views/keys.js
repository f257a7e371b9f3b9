/** The keys: a timeline or a table, the runs of the last weeks, and the controls to check and rotate keys. */

import { html, useState } from "../../vendor/preact-htm.js";
import { write } from "../api.js";
import { addressOf } from "../place.js";
import { WhyNot, useAllowance } from "../parts/allowance.js";
import { FORCE, ROTATE, kindOf, matches, sorted, stateOf, titleOf } from "../parts/key.js";
import { Part, reloadAfterWrite, useReading } from "../parts/reading.js";
import { Reports } from "../parts/outcome.js";
import { SignInAgainButton, isToken, useSignInAgain } from "../parts/sign_in_again.js";
import { RunCells } from "../parts/run.js";
import { Badge, Heading, Name, Sentence, Sign, When, announce, relative, secondsTo } from "../parts/text.js";
import { KeyLane, Timeline } from "../parts/timeline.js";
import { confirmWrite } from "../parts/write.js";
import { AppControl } from "./overview.js";

/** @typedef {import("../parts/responses.js").Keys} KeysValue */
/** @typedef {import("../parts/responses.js").KeyState} KeyState */
/** @typedef {import("../parts/responses.js").Me} Me */

const PAGE = 50;

/** @param {import("./frame.js").ViewProps} props */
export function KeysView({ me, keys, place }) {
  const name = place[1];
  const one = keys.value?.Keys.find((key) => key.Name === name);
  return html`<${Heading} title=${name ? (one ? titleOf(one) : name) : "Keys"}>
      ${name && html`<a href=${addressOf("keys")}>All keys</a>`}
    <//>
    <${Part} reading=${keys} what="the keys">
      ${(/** @type {KeysValue} */ value) =>
        name ? html`<${OneKey} key=${name} value=${value} name=${name} me=${me} />` : html`<${AllKeys} value=${value} me=${me} />`}
    <//>`;
}

/** Check and rotate keys, all of them if there are no names, and what a check found.
 * @param {{ me: Me, names: string[] | null, children?: any, titles: Map<string, string> }} props */
function KeyControls({ me, names, titles, children }) {
  const [isChecking, setChecking] = useState(false);
  const [found, setFound] = useState(/** @type {any} */ (null));
  const allowance = useAllowance(me, ROTATE, "rotation");
  const check = async () => {
    setChecking(true);
    try {
      const { results } = await write("ExecKeyProof", names ? { Names: names } : {});
      setFound({ results });
      announce("The check is complete.");
    } catch (error) {
      setFound({ error });
      announce("The check failed.");
    }
    setChecking(false);
    reloadAfterWrite();
  };
  const rotate = () =>
    confirmWrite({
      title: names ? `Rotate ${names.length === 1 ? (titles.get(names[0] ?? "") ?? names[0]) : `${names.length} keys`}` : "Rotate what is due",
      verb: "Rotate",
      endpoint: "ExecKeyRotation",
      body: names ? { Names: names } : {},
      isLong: true,
      titles,
      canForce: me.permissions.includes(FORCE),
      forceNothing: names ? "Rotate although it is not due (Force)" : undefined,
    });
  return html`<div class="buttons">
      <button type="button" class="primary" disabled=${!allowance.may} onClick=${rotate}
        title=${allowance.why}
      >${names && names.length > 1 ? `Rotate selected (${names.length})` : names ? "Rotate" : "Rotate what is due"}</button>
      <button type="button" disabled=${isChecking} onClick=${check}>
        ${isChecking ? "Checking ..." : names && names.length > 1 ? `Check selected (${names.length})` : "Check now"}</button>
      ${children}
    </div>
    ${allowance.may && names?.length === 1 && html`<p class="muted small">A rotation renews the key: it gets a new one, verifies it and stores it. The dialog shows first what would happen.</p>`}
    <${WhyNot} allowance=${allowance} />
    ${found && html`<section class="card wide" aria-label="Result of the check">
      <div class="heading"><h2>Result of the check</h2>
        <button type="button" class="small quiet" onClick=${() => setFound(null)}>Dismiss</button></div>
      ${found.error
        ? html`<p><${Sign} tone="bad" />${found.error.message} ${found.error.advice}</p>`
        : html`<${Reports} reports=${found.results} names=${titles} />`}
    </section>`}`;
}

/** @param {{ value: KeysValue, me: Me }} props */
function AllKeys({ value, me }) {
  const [isTable, setTable] = useState(false);
  const [search, setSearch] = useState("");
  const [page, setPage] = useState(0);
  const [selected, setSelected] = useState(/** @type {Set<string>} */ (new Set()));
  const titles = new Map(value.Keys.map((key) => [key.Name, titleOf(key)]));
  const all = sorted(value.Keys.filter((key) => matches(key, search)));
  const pages = Math.max(1, Math.ceil(all.length / PAGE));
  const current = Math.min(page, pages - 1);
  const keys = all.slice(current * PAGE, (current + 1) * PAGE);
  const toggle = (/** @type {string} */ name) => {
    const next = new Set(selected);
    if (!next.delete(name)) next.add(name);
    setSelected(next);
  };
  const rows = { keys, selected, toggle, nextWeek: value.NextWeekStarts };
  const names = [...selected]; // a key that is gone stays: without a name, all keys that are due would be rotated
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const isTyping = event.target instanceof HTMLInputElement && event.target.type !== "checkbox";
    if (event.key.toLowerCase() === "t" && !isTyping && !event.ctrlKey && !event.altKey && !event.metaKey) setTable(!isTable);
  };
  return html`<p class="lead"><${Sentence} text=${value.Sentence} /></p>
    <${KeyControls} me=${me} names=${names.length ? names : null} titles=${titles}>
      ${names.length > 0 && html`<button type="button" class="quiet" onClick=${() => setSelected(new Set())}>Clear the selection</button>`}
    <//>
    <section aria-labelledby="all-keys" onKeyDown=${onKey}>
      <div class="heading"><h2 id="all-keys">${value.Keys.length} keys</h2>
        <div class="buttons">
          ${value.Keys.length > 10 && html`<label class="search"><span class="hidden">Search keys</span>
            <input type="search" placeholder="Search" value=${search} dir="auto"
              onInput=${(/** @type {any} */ event) => { setSearch(event.target.value); setPage(0); }} /></label>`}
          <div class="switch" role="group" aria-label="Show as (key: T)">
            <button type="button" aria-pressed=${!isTable} onClick=${() => setTable(false)}>Timeline</button>
            <button type="button" aria-pressed=${isTable} onClick=${() => setTable(true)}>Table</button>
          </div>
        </div></div>
      ${isTable ? html`<${Table} ...${rows} />` : html`<${Timeline} ...${rows} />`}
      ${pages > 1 && html`<${Pages} page=${current} pages=${pages} setPage=${setPage} count=${all.length} />`}
    </section>
    <${Apps} value=${value} me=${me} />
    <${History} nextWeek=${value.NextWeekStarts} />`;
}

/** The runs of the last 26 weeks. @param {{ nextWeek: string }} props */
function History({ nextWeek }) {
  const reading = useReading("ListKeyRotationRuns");
  return html`<section aria-labelledby="runs"><h2 id="runs">Runs of the last 26 weeks</h2>
    <${Part} reading=${reading} what="the runs">
      ${(/** @type {import("../parts/responses.js").Runs} */ history) => html`<${RunCells} history=${history} />`}
    <//>
    <p class="muted">The next weekly run is due <${When} at=${nextWeek} />.</p>
  </section>`;
}

/** @param {{ page: number, pages: number, setPage: (page: number) => void, count: number }} props */
function Pages({ page, pages, setPage, count }) {
  return html`<nav class="pages" aria-label="Pages of keys">
    <button type="button" class="small" disabled=${page === 0} onClick=${() => setPage(page - 1)}>Previous</button>
    <span aria-live="polite">${page * PAGE + 1} to ${Math.min(count, (page + 1) * PAGE)} of ${count}</span>
    <button type="button" class="small" disabled=${page >= pages - 1} onClick=${() => setPage(page + 1)}>Next</button>
  </nav>`;
}

/** The same data as the timeline. @param {import("../parts/timeline.js").Rows} props */
function Table({ keys, selected, toggle }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of keys"><table>
    <thead><tr><th scope="col"><span class="hidden">Selected</span></th><th scope="col">Key</th><th scope="col">State</th>
      <th scope="col">Stored</th><th scope="col">Expires</th><th scope="col">Last check</th><th scope="col">Older keys</th></tr></thead>
    <tbody>${keys.map((key) => {
      const { tone, word } = stateOf(key);
      return html`<tr key=${key.Name}>
        <td><input type="checkbox" checked=${selected.has(key.Name)} aria-label=${`Select ${titleOf(key)}`} onChange=${() => toggle(key.Name)} /></td>
        <th scope="row"><a href=${addressOf("keys", key.Name)}><${Name}>${titleOf(key)}<//></a><br /><span class="muted small">${kindOf(key.Kind)}</span></th>
        <td><${Badge} tone=${tone}>${word}<//></td>
        <td><${When} at=${key.CurrentSince} only="absolute" /></td><td><${When} at=${key.Ends} /></td>
        <td>${key.LastProven ? html`<${When} at=${key.LastProven} />` : html`<span class="muted">never</span>`}</td>
        <td>${key.Overlapping.length || "none"}</td>
      </tr>`;
    })}</tbody></table></div>`;
}

/** Which apps run with the current keys, and what no run rotates. @param {{ value: KeysValue, me: Me }} props */
function Apps({ value, me }) {
  const words = /** @type {const} */ ({ yes: ["ok", "Current keys"], no: ["warn", "Old keys"], unknown: ["idle", "Not known"] });
  const notes = [...value.NotRotated, ...value.Notes];
  return html`<section aria-labelledby="apps"><h2 id="apps">Which keys CIPP runs with</h2>
    <ul class="plain">${value.Apps.map((app) => {
      const [tone, word] = words[/** @type {"yes"} */ (app.RunsWithCurrentKeys)] ?? words.unknown;
      return html`<li key=${app.Name}><${Badge} tone=${tone}>${word}<//> <${Name}>${app.Name}<//>
        ${app.Advice && html` <span class="muted"><${Sentence} text=${app.Advice} /></span>`}
        ${app.RunsWithCurrentKeys === "no" && html` <${AppControl} name=${app.Name} action="Restart" me=${me} />`}</li>`;
    })}</ul>
    ${notes.map((note) => html`<p key=${note}><${Sign} tone="info" /><${Sentence} text=${note} /></p>`)}
  </section>`;
}

/** @param {{ value: KeysValue, name: string, me: Me }} props */
function OneKey({ value, name, me }) {
  const key = value.Keys.find((one) => one.Name === name);
  const allowance = useSignInAgain(me);
  if (!key) return html`<p><${Sign} tone="info" />The vault has no key of this name. <a href=${addressOf("keys")}>See all keys</a></p>`;
  const { tone, word } = stateOf(key);
  const run = value.Runs.find((one) => one.Keys.some((report) => report.Name === name));
  const reports = (run?.Keys ?? []).filter((report) => report.Name === name);
  return html`<${KeyControls} me=${me} names=${[name]} titles=${new Map([[name, titleOf(key)]])}>
      ${isToken(key.Kind) && html`<${SignInAgainButton} name=${name} title=${titleOf(key)} allowance=${allowance} />`}
    <//>
    ${isToken(key.Kind) && me.permissions.includes(ROTATE) && html`<${WhyNot} allowance=${allowance} />`}
    <div class="card wide">
      <p class="line"><${Badge} tone=${tone}>${word}<//> <span class="muted">${kindOf(key.Kind)}</span>
        ${key.Ends && html`<span>${secondsTo(key.Ends) > 0 ? "expires" : "expired"} ${relative(secondsTo(key.Ends))}</span>`}</p>
      <${KeyLane} state=${key} nextWeek=${value.NextWeekStarts} />
      ${key.Problems.map((problem) => html`<p key=${problem}><${Sign} tone=${tone === "bad" ? "bad" : "warn"} /><${Sentence} text=${problem} /></p>`)}
      <dl class="facts">
        <div><dt>Name in the vault</dt><dd><code><${Name}>${key.Name}<//></code></dd></div>
        <div><dt>Stored</dt><dd><${When} at=${key.CurrentSince} /></dd></div>
        <div><dt>Expires</dt><dd><${When} at=${key.Ends} /></dd></div>
        <div><dt>Last check</dt><dd>${key.LastProven ? html`<${When} at=${key.LastProven} />` : "never"}</dd></div>
        ${!key.Counts && html`<div><dt>Needed</dt><dd>CIPP works without this key.</dd></div>`}
      </dl>
      ${key.Overlapping.length > 0 && html`<h2>Older keys that are still valid</h2>
        <ul>${key.Overlapping.map((text) => html`<li key=${text}><${Sentence} text=${text} /></li>`)}</ul>`}
      ${reports.length > 0 && html`<div class="heading"><h2>In the latest run</h2>${run && html`<a href=${addressOf("runs", run.RunId)}>See the run</a>`}</div><${Reports} reports=${reports} names=${new Map([[name, titleOf(key)]])} />`}
    </div>`;
}
