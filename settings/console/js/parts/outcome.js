/** What a write operation did: for each app, key or domain, and what is shown only once. */

import { html } from "../../vendor/preact-htm.js";
import { Badge, Copyable, Name, Sentence, Sign, When } from "./text.js";

/** @typedef {import("./text.js").Tone} Tone */
/** @typedef {import("./responses.js").KeyReport} KeyReport */
/** @typedef {import("./responses.js").DnsRecord} DnsRecord */
/** @typedef {import("./responses.js").NeededRecord} NeededRecord */
/** @typedef {import("./responses.js").SignInStep} SignInStep */

/** How each outcome of a key is shown. @type {Record<string, { tone: Tone, word: string }>} */
const OUTCOMES = {
  rotated: { tone: "ok", word: "Rotated" },
  unchanged: { tone: "idle", word: "Unchanged" },
  planned: { tone: "info", word: "Planned" },
  postponed: { tone: "warn", word: "Postponed" },
  failed: { tone: "bad", word: "Failed" },
  proven: { tone: "ok", word: "Can sign in" },
  skipped: { tone: "idle", word: "Skipped" },
  unproven: { tone: "warn", word: "Not checked" },
  dead: { tone: "bad", word: "Can't sign in" },
};

/** Return how an outcome is shown. @param {string} outcome @returns {{ tone: Tone, word: string }} */
export function shownOutcome(outcome) {
  return OUTCOMES[outcome] ?? { tone: "info", word: outcome };
}

/** The reports of keys, those that need attention first.
 * @param {{ reports: KeyReport[], names?: Map<string, string> }} props */
export function Reports({ reports, names }) {
  const order = ["dead", "failed", "unproven", "postponed", "rotated", "proven", "planned", "skipped", "unchanged"];
  const sorted = [...reports].sort((one, other) => order.indexOf(one.Outcome) - order.indexOf(other.Outcome));
  return html`<ul class="reports">
    ${sorted.map((report) => {
      const { tone, word } = shownOutcome(report.Outcome);
      const name = names?.get(report.Name);
      return html`<li key=${report.Name}>
        <p class="line"><${Badge} tone=${tone}>${word}<//> <strong><${Name}>${name ?? report.Name}<//></strong></p>
        <p><${Sentence} text=${report.Reason} /></p>
        ${report.Advice && html`<p class="advice"><${Sentence} text=${report.Advice} /></p>`}
        ${report.Expires && html`<p class="muted small">Expires <${When} at=${report.Expires} /></p>`}
      </li>`;
    })}
  </ul>`;
}

/** A DNS record to create, with buttons to copy its parts. @param {{ record: DnsRecord, purpose: string }} props */
export function Record({ record, purpose }) {
  return html`<div class="record">
    <p class="muted small">${purpose}</p>
    <dl class="facts">
      <div><dt>Type</dt><dd><code>${record.Type}</code></dd></div>
      <div><dt>Host</dt><dd><${Copyable} text=${record.Host} what="the host" /></dd></div>
      <div><dt>Value</dt><dd>${record.Value
        ? html`<${Copyable} text=${record.Value} what="the value" />`
        : "Azure has not created it yet. Look again in a minute."}</dd></div>
    </dl>
  </div>`;
}

/** The records of a domain: those that it needs, and those that must go.
 * @param {{ records: NeededRecord[], wrong?: NeededRecord[] }} props */
export function Records({ records, wrong = [] }) {
  return html`${records.map((record) => html`<${Record} key=${`${record.Type} ${record.Value}`} record=${record} purpose=${purposeOf(record)} />`)}
    ${wrong.map((record) => html`<${Record} key=${record.Value} record=${record} purpose="Remove this record. Azure refuses the domain because of it." />`)}`;
}

/** @param {NeededRecord} record */
function purposeOf({ Purpose, Found }) {
  if (Purpose === "Ownership") return "Create this record. Azure checks for it.";
  if (Found) return "This record leads visitors to CIPP. Azure sees it. Keep it.";
  return Found === false ? "Create this record. It leads visitors to CIPP, and Azure does not see it yet." : "This record leads visitors to CIPP. Keep it.";
}

/** What one app shows after a write operation. `Operation` is a start that goes on after the response.
 * @typedef {{ Name: string, Kind: string | null, State: string | null, Condition: "Up" | "Starting" | "Down" | "Unknown",
 *   Seen: string, NotSeen: string | null, Operation?: { Outcome: string, Deadline: string } | null }} Controlled */

/** Return whether an app shows what was requested. @param {Controlled} app @param {string} endpoint @returns {Tone} */
function toneOfApp(app, endpoint) {
  return app.Condition === (endpoint.endsWith("Stop") ? "Down" : "Up") ? "ok" : "warn";
}

/** Return whether a step of a domain is not done yet: DNS or a certificate is missing, or a person must go on.
 * @param {any} value */
function isWaiting(value) {
  return Boolean(value?.Script) || value?.Domain?.IsBound === false || value?.Domain?.State === "Issuing";
}

/** How the outcome of a repair is shown. @type {Record<string, Tone>} */
const REPAIRS = { repaired: "ok", requested: "info", "manual": "warn", refused: "warn", failed: "bad" };

/** The repair of one cause, with what an admin runs instead. @param {{ step: SignInStep }} props */
function RepairStep({ step }) {
  return html`<p><${Sign} tone=${REPAIRS[step.Outcome] ?? "info"} /><${Sentence} text=${step.Text} /></p>
    ${step.PutBack && html`<p class="advice"><${Sentence} text=${step.PutBack} /></p>`}
    ${step.Script && html`<p class="muted">Run this in PowerShell, signed in as an admin:</p>
      <${Copyable} text=${step.Script} what="the script" />`}`;
}

/** The result of a write operation, whatever it was.
 * @param {{ value: any, endpoint: string, titles?: Map<string, string> }} props */
export function Outcome({ value, endpoint, titles }) {
  const done = value?.Steps?.length ? [] : (value?.Done ?? []);
  /** @type {string[]} */
  const lines = typeof value?.Results === "string" ? [value.Results] : done;
  /** @type {Controlled[]} */
  const apps = value?.Apps ?? [];
  const hasEnded = !value?.Operation || value.Operation.Outcome === "done"; // else it continues, or was rolled back
  return html`<div class="outcome">
    ${lines.map((line) => html`<p key=${line}><${Sign} tone=${hasEnded && !isWaiting(value) ? "ok" : "warn"} /><${Sentence} text=${line} /></p>`)}
    ${apps.map((app) => html`<p key=${app.Name}><${Sign} tone=${toneOfApp(app, endpoint)} /><${Sentence} text=${app.Seen} /></p>
      ${app.NotSeen && html`<p class="muted"><${Sentence} text=${app.NotSeen} /></p>`}
      ${app.Condition === "Starting" && html`<p class="advice">It is still starting. You can close this window: the overview shows when it is up.
        ${app.Operation?.Outcome === "running" && html` It should be up by <${When} at=${app.Operation.Deadline} />.`}</p>`}`)}
    ${(value?.Steps ?? []).map((/** @type {SignInStep} */ step) => html`<${RepairStep} key=${step.Cause} step=${step} />`)}
    ${value?.Keys && html`<${Reports} reports=${value.Keys} names=${titles} />`}
    ${(value?.Warnings ?? []).map(
      (/** @type {string} */ line) => html`<p key=${line}><${Sign} tone="warn" /><${Sentence} text=${line} /></p>`,
    )}
    ${value?.InvitationUrl && html`<p><strong>Send this link now. It is shown only once.</strong></p>
      <${Copyable} text=${value.InvitationUrl} what="the invitation" />
      <p class="muted">Valid until <${When} at=${value.ExpiresOn} />. Anyone who has it can take the roles.</p>`}
    ${value?.Domain?.Records && html`<${Records} records=${value.Domain.Records} wrong=${value.Domain.WrongRecords} />`}
    ${value?.Script && html`<${Copyable} text=${value.Script} what="the script" />`}
    ${value?.DnsRecord && html`<${Record} record=${value.DnsRecord} purpose="Create this record. Azure checks for it." />`}
    ${value?.RoutingRecord && value.RoutingRecord.Value !== value.DnsRecord?.Value &&
    html`<${Record} record=${value.RoutingRecord} purpose="This record leads visitors to CIPP." />`}
  </div>`;
}
