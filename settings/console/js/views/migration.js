/** What CIPP's migration to a container would do, before anyone runs its script. */

import { html } from "../../vendor/preact-htm.js";
import { Part, useReading } from "../parts/reading.js";
import { Badge, Heading, Name, Sentence, Sign } from "../parts/text.js";

/** @typedef {import("../parts/responses.js").MigrationReport} MigrationReport */
/** @typedef {import("../parts/text.js").Tone} Tone */

/** @type {Record<MigrationReport["Verdict"], { tone: Tone, word: string }>} */
const VERDICTS = {
  Ready: { tone: "ok", word: "Ready" },
  NotReady: { tone: "bad", word: "Not ready" },
  Unknown: { tone: "warn", word: "Not certain" },
};

/** @type {Record<MigrationReport["Findings"][number]["Severity"], { tone: Tone, word: string }>} */
const SEVERITIES = {
  Blocking: { tone: "bad", word: "First" },
  Unknown: { tone: "warn", word: "Not read" },
  Loss: { tone: "warn", word: "Lost" },
  Note: { tone: "info", word: "Note" },
};

export function MigrationView() {
  const reading = useReading("ListBackendMigration");
  return html`<${Heading} title="Migration" />
    <p class="muted">CIPP publishes a script that moves it from function apps to a container. This page only reads.
      CIPP is down while the script runs.</p>
    <${Part} reading=${reading} what="the report">
      ${(/** @type {MigrationReport} */ report) => html`
        <p class="lead"><${Sign} tone=${VERDICTS[report.Verdict].tone} /><strong>${VERDICTS[report.Verdict].word}.</strong>${" "}
          <${Sentence} text=${report.Summary} /></p>
        <ul class="plain">${report.Findings.map((finding) => html`<li key=${finding.Text}>
          <p class="line"><${Badge} tone=${SEVERITIES[finding.Severity].tone}>${SEVERITIES[finding.Severity].word}<//> <${Sentence} text=${finding.Text} /></p></li>`)}</ul>
        <section aria-labelledby="deleted"><h2 id="deleted">What the script deletes</h2>
          <ul class="plain">${report.Deleted.map((one) => html`<li key=${`${one.Type} ${one.Name}`}>
            <p class="line"><${Badge} tone=${one.IsCipps ? "idle" : "bad"}>${one.IsThisApp ? "This app" : one.IsCipps ? "CIPP's" : "Not CIPP's"}<//>${" "}
              <${Name}>${one.Name}<//> <span class="muted small"><${Name}>${one.Type}<//></span></p></li>`)}</ul></section>
        ${report.Users && html`<section aria-labelledby="moved"><h2 id="moved">Who can sign in afterwards</h2>
          <ul class="plain">${report.Users.map((user) => html`<li key=${`${user.Provider} ${user.Name}`}>
            <p class="line"><${Badge} tone=${user.Problem ? "warn" : "ok"}>${user.RolesAfter.length ? html`<${Name}>${user.RolesAfter.join(", ")}<//>` : "No access"}<//>${" "}
              <${Name}>${user.Name}<//></p>
            ${user.Problem && html`<p class="card-problem"><${Sentence} text=${user.Problem} /></p>`}</li>`)}</ul></section>`}`}
    <//>`;
}
