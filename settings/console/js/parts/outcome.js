/** What a write operation did: for each app, key or domain, and what is shown only once. */

import { html } from "../../vendor/preact-htm.js";
import { Badge, Copyable, Name, Sentence, Sign, When } from "./text.js";

/** @typedef {import("./text.js").Tone} Tone */
/** @typedef {import("./responses.js").KeyReport} KeyReport */
/** @typedef {import("./responses.js").DnsRecord} DnsRecord */

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

/** What one app shows after a write operation. @typedef {{ Name: string, Kind: string | null, State: string | null,
 *   Seen: string, NotSeen: string | null }} Controlled */

/** Return whether an app shows what was requested, and nothing else that it states needs attention.
 * @param {Controlled} app @param {string} endpoint @returns {Tone} */
function toneOfApp(app, endpoint) {
  const isStop = endpoint.endsWith("Stop");
  if (app.State !== (isStop ? "Stopped" : "Running")) return "warn";
  if (isStop) return "ok";
  if (app.Kind === "WebApp") return app.NotSeen ? "warn" : "ok"; // it is null if the container's start was followed
  const ready = / (\d+) of (\d+) instances ready\.$/.exec(app.Seen);
  return ready ? (ready[1] === ready[2] ? "ok" : "warn") : app.Seen.endsWith(`'${app.Name}' Running.`) ? "ok" : "warn";
}

/** The result of a write operation, whatever it was.
 * @param {{ value: any, endpoint: string, titles?: Map<string, string> }} props */
export function Outcome({ value, endpoint, titles }) {
  /** @type {string[]} */
  const lines = typeof value?.Results === "string" ? [value.Results] : (value?.Done ?? []);
  /** @type {Controlled[]} */
  const apps = value?.Apps ?? [];
  return html`<div class="outcome">
    ${lines.map((line) => html`<p key=${line}><${Sign} tone="ok" /><${Sentence} text=${line} /></p>`)}
    ${apps.map((app) => html`<p key=${app.Name}><${Sign} tone=${toneOfApp(app, endpoint)} /><${Sentence} text=${app.Seen} /></p>
      ${app.NotSeen && html`<p class="muted"><${Sentence} text=${app.NotSeen} /></p>`}`)}
    ${value?.Keys && html`<${Reports} reports=${value.Keys} names=${titles} />`}
    ${(value?.Warnings ?? []).map(
      (/** @type {string} */ line) => html`<p key=${line}><${Sign} tone="warn" /><${Sentence} text=${line} /></p>`,
    )}
    ${value?.InvitationUrl && html`<p><strong>Send this link now. It is shown only once.</strong></p>
      <${Copyable} text=${value.InvitationUrl} what="the invitation" />
      <p class="muted">Valid until <${When} at=${value.ExpiresOn} />. Anyone who has it can take the roles.</p>`}
    ${value?.DnsRecord && html`<${Record} record=${value.DnsRecord} purpose="Create this record. Azure checks for it." />`}
    ${value?.RoutingRecord && value.RoutingRecord.Value !== value.DnsRecord?.Value &&
    html`<${Record} record=${value.RoutingRecord} purpose="This record leads visitors to CIPP." />`}
  </div>`;
}
