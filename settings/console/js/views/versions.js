/** The versions of a container's image: what runs, what can be set, and the long operations. */

import { html, useState } from "../../vendor/preact-htm.js";
import { WhyNot, useAllowance } from "../parts/allowance.js";
import { Part, useReading } from "../parts/reading.js";
import { Badge, CONTROL, Name, Sentence, Sign, When } from "../parts/text.js";
import { confirmWrite } from "../parts/write.js";

/** @typedef {import("../parts/responses.js").Versions} VersionsValue */
/** @typedef {import("../parts/responses.js").Operation} Operation */
/** @typedef {import("../parts/responses.js").ImageInRegistry} ImageInRegistry */
/** @typedef {import("../parts/responses.js").Me} Me */
/** @typedef {import("../parts/text.js").Tone} Tone */

/** How each outcome of an operation is shown. @type {Record<string, { tone: Tone, word: string }>} */
const OUTCOMES = {
  running: { tone: "info", word: "Running" },
  done: { tone: "ok", word: "Done" },
  failed: { tone: "bad", word: "Failed" },
  undone: { tone: "warn", word: "Rolled back" },
  unknown: { tone: "warn", word: "Unknown" },
};

/** @param {{ me: Me }} props */
export function Versions({ me }) {
  const reading = useReading("ListBackendVersions");
  return html`<section aria-labelledby="versions"><h2 id="versions">The version</h2>
    <${Part} reading=${reading} what="the versions">
      ${(/** @type {VersionsValue} */ value) => html`<${State} value=${value} /><${SetVersion} value=${value} me=${me} />`}
    <//></section>`;
}

/** @param {{ value: VersionsValue }} props */
function State({ value }) {
  const { Running: running, Configured: configured, InRegistry: found, Updates: updates, History: history } = value;
  const waits = running.Version && found?.Version && found.Version !== running.Version;
  return html`<div class="card wide">
    <p><${Sign} tone=${waits ? "info" : running.Version ? "ok" : "warn"} />${running.Version
      ? html`CIPP runs version <strong><${Name}>${running.Version}<//></strong>, built <${When} at=${running.Built} />.`
      : html`<${Sentence} text=${running.Unknown ?? "The running version is unknown."} />`}
      ${waits && html` The next start installs <strong><${Name}>${found.Version}<//></strong>.`}</p>
    <dl class="facts">
      <div><dt>Image</dt><dd>${configured.Image ? html`<code><${Name}>${configured.Image}<//></code>` : html`<${Sentence} text=${configured.Unknown ?? "unknown"} />`}
        ${configured.IsPinned && html` <${Badge} tone="warn">pinned<//>`}</dd></div>
      <div><dt>In the registry</dt><dd>${found?.Version ? html`<${Name}>${found.Version}<//>` : html`<${Sentence} text=${found?.Unknown ?? "unknown"} />`}</dd></div>
      <div><dt>Channels</dt><dd>${value.Channels.map((one) => `${one.Tag}: ${one.Version ?? "unknown"}`).join(", ") || value.Published.Unknown || "unknown"}</dd></div>
      <div><dt>Next own check</dt><dd>${updates.NextCheck ? html`<${When} at=${updates.NextCheck} />${updates.NextCheckLocal ? ` (${updates.NextCheckLocal})` : ""}` : "none is certain"}</dd></div>
      <div><dt>Version before</dt><dd><${Name}>${history.GoBackTo ?? "unknown"}<//></dd></div>
    </dl>
    ${updates.Note && html`<p class="muted"><${Sentence} text=${updates.Note} /></p>`}
  </div>`;
}

/** @param {{ value: VersionsValue, me: Me }} props */
function SetVersion({ value, me }) {
  const allowance = useAllowance(me, CONTROL, "controls");
  const [choice, setChoice] = useState(value.History.GoBackTo ?? "latest");
  const [wantsBack, setWantsBack] = useState(true);
  const isUp = value.Running.Version !== null; // else there is no working version to go back to
  const rollsBack = wantsBack && isUp;
  const channels = value.Channels.map((one) => one.Tag);
  const tags = [...channels, ...value.Published.Branches];
  const set = (/** @type {Event} */ event) => {
    event.preventDefault();
    const body = tags.includes(choice) ? { Channel: choice } : { Version: choice };
    confirmWrite({
      title: `Set CIPP to ${choice}`,
      verb: "Set",
      endpoint: "ExecBackendVersionSet",
      body: { ...body, ...(rollsBack && { RollBack: true }) },
      isLong: true,
      canForce: true,
      intro: html`<p><${Sign} tone="warn" />CIPP restarts, which can take 10 minutes.</p>`,
    });
  };
  if (!channels.length) return null;
  return html`<form class="card wide" onSubmit=${set} aria-labelledby="set-version"><h3 id="set-version">Set the version</h3>
    <div class="fields">
      <label class="field"><span>Channel or version</span><select required value=${choice} disabled=${!allowance.may}
        onChange=${(/** @type {any} */ event) => setChoice(event.target.value)}>
        <optgroup label="Channels">${channels.map((tag) => html`<option key=${tag} value=${tag}>${tag}</option>`)}</optgroup>
        <optgroup label="Versions">${value.Published.Versions.map((tag) => html`<option key=${tag} value=${tag}>${tag}</option>`)}</optgroup>
        <optgroup label="Builds of branches">${value.Published.Branches.map((tag) => html`<option key=${tag} value=${tag}>${tag}</option>`)}</optgroup>
      </select></label>
      <label class="check"><input type="checkbox" checked=${rollsBack} disabled=${!allowance.may || !isUp}
        onChange=${(/** @type {any} */ event) => setWantsBack(event.target.checked)} /> Go back if it does not start${!isUp && " (not while CIPP is down)"}</label>
    </div>
    <button class="primary" disabled=${!allowance.may}>Set the version</button>
    <${WhyNot} allowance=${allowance} />
  </form>`;
}

/** The operations that outlast their response. Those that run come first. */
export function Operations() {
  const reading = useReading("ListBackendOperations");
  return html`<section aria-labelledby="operations"><h2 id="operations">Long operations</h2>
    <${Part} reading=${reading} what="the operations">
      ${(/** @type {Operation[]} */ list) => list.length ? html`<ul class="reports">${list.slice(0, 10).map((one) => html`<${Row} key=${one.Id} one=${one} />`)}</ul>`
        : html`<p class="muted">There is no long operation.</p>`}
    <//></section>`;
}

/** @param {{ one: Operation }} props */
function Row({ one }) {
  const { tone, word } = OUTCOMES[one.Outcome] ?? { tone: /** @type {Tone} */ ("info"), word: one.Outcome };
  return html`<li>
    <p class="line"><${Badge} tone=${tone}>${word}<//> <strong><${Name}>${one.Step}<//></strong></p>
    ${one.Result && html`<p><${Sentence} text=${one.Result} /></p>`}
    ${one.Next.map((text) => html`<p class="advice" key=${text}><${Sentence} text=${text} /></p>`)}
    <p class="muted small">By <${Name}>${one.By}<//>, <${When} at=${one.Began} />. Before: <${Sentence} text=${one.Before} /></p>
  </li>`;
}
