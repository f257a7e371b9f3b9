/** One run of the rotation: what happened to each key, and why. */

import { html } from "../../vendor/preact-htm.js";
import { addressOf } from "../place.js";
import { titleOf } from "../parts/key.js";
import { Reports } from "../parts/outcome.js";
import { Part, useReading } from "../parts/reading.js";
import { countsOf, toneOfRun } from "../parts/run.js";
import { Badge, Heading, Name, When } from "../parts/text.js";

/** @param {import("./frame.js").ViewProps} props */
export function RunView({ place, keys }) {
  const id = place[1] ?? "";
  const reading = useReading("ListKeyRotationRuns", { RunId: id });
  const titles = new Map((keys.value?.Keys ?? []).map((key) => [key.Name, titleOf(key)]));
  return html`<${Heading} title="Run"><a href=${addressOf("keys")}>All keys</a><//>
    <${Part} reading=${reading} what="the run">
      ${(/** @type {import("../parts/responses.js").Runs} */ { Runs }) => {
        const run = Runs.find((one) => one.RunId === id);
        if (!run) return html`<p>This run is not stored any more.</p>`;
        return html`<div class="card wide">
          <p><${Badge} tone=${toneOfRun(run)}>${countsOf(run)}<//></p>
          <dl class="facts">
            <div><dt>Started</dt><dd><${When} at=${run.Started} /></dd></div>
            <div><dt>Ended</dt><dd>${run.Ended ? html`<${When} at=${run.Ended} />` : "not yet, or it was cut"}</dd></div>
            <div><dt>Started by</dt><dd><${Name}>${run.By}<//></dd></div>
            <div><dt>ID</dt><dd><code>${run.RunId}</code></dd></div>
          </dl>
          ${run.Keys.length ? html`<${Reports} reports=${run.Keys} names=${titles} />`
            : html`<p class="muted">${run.KeysAvailable ? "What happened to each key is not stored any more." : "Nothing happened to any key."}</p>`}
          ${run.Unchanged > 0 && html`<p class="muted">${run.Unchanged === 1 ? "1 key was" : `${run.Unchanged} keys were`} not due, so nothing happened to ${run.Unchanged === 1 ? "it" : "them"}.</p>`}
        </div>`;
      }}
    <//>`;
}
