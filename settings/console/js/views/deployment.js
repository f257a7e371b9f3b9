/** What runs where: the version of each app, where it comes from, and its sync with the fork. */

import { html } from "../../vendor/preact-htm.js";
import { addressOf, goTo } from "../place.js";
import { WhyNot, useAllowance } from "../parts/allowance.js";
import { Part, useReading } from "../parts/reading.js";
import { Badge, CONTROL, Heading, Name, Outside, Sentence, Sign, When } from "../parts/text.js";
import { confirmWrite } from "../parts/write.js";
import { Operations, Versions } from "./versions.js";

/** @typedef {import("../parts/responses.js").Deployments} DeploymentsValue */
/** @typedef {import("../parts/responses.js").StaticWebApp} StaticWebApp */
/** @typedef {import("../parts/responses.js").Me} Me */
/** @typedef {import("../parts/responses.js").Card} Card */

/** @param {import("./frame.js").ViewProps} props */
export function DeploymentView({ me, place, overview }) {
  const reading = useReading("ListFunctionAppDeployments", place[1] ? { Name: place[1] } : {});
  const site = useReading("ListStaticWebApp");
  const image = overview.value?.Cards.find((card) => card.Kind === "WebApp");
  const notes = image?.Notes.filter((note) => /image|version|update|started/i.test(note)) ?? [];
  return html`<${Heading} title="Deployment" />
    <section aria-labelledby="apps"><h2 id="apps">The apps</h2>
      <${Part} reading=${reading} what="the deployments">
        ${(/** @type {DeploymentsValue} */ value) => html`<${Apps} value=${value} me=${me} />`}
      <//>
      ${notes.length > 0 && html`<ul class="card wide notes">${notes.map((note) => html`<li key=${note}><${Sentence} text=${note} /></li>`)}</ul>`}
    </section>
    ${me.ng && html`<${Versions} me=${me} />`}
    <${Operations} />
    <section aria-labelledby="site"><h2 id="site">The pages</h2>
      <${Part} reading=${site} what="the static web app">
        ${(/** @type {StaticWebApp} */ value) => html`<${Site} value=${value} />`}
      <//>
    </section>
    ${me.ng === false && html`<p><a href=${addressOf("migration")}>See what CIPP's migration to a container would do</a></p>`}`;
}

/** @param {{ value: DeploymentsValue, me: Me }} props */
function Apps({ value, me }) {
  const allowance = useAllowance(me, CONTROL, "controls");
  const { Source: source } = value;
  const sync = () =>
    confirmWrite({
      title: `Sync ${value.Name} with its fork`,
      verb: "Sync",
      endpoint: "ExecFunctionAppDeploymentSync",
      body: { Name: value.Name },
      canForce: allowance.may,
    });
  const same = value.SameVersion;
  return html`
    <p><${Sign} tone=${same === null ? "info" : same ? "ok" : "warn"} />${same === null
      ? "Whether all apps run the same version is not known."
      : same ? "All apps run the same version." : "The apps run different versions."}</p>
    <ul class="rows">${Object.entries(value.Versions).map(([app, version]) => html`<li key=${app}>
      <div class="setting"><strong><${Name}>${app}<//></strong>
        <span>${version ? html`<code title=${version}><${Name}>${short(version)}<//></code>` : html`<span class="muted">version not known</span>`}</span></div>
      <div class="buttons">${app === value.Name ? html`<${Badge} tone="info">shown below<//>`
        : html`<button type="button" class="small quiet" aria-label=${`Show the deployments of ${app}`} onClick=${() => goTo("deployment", app)}>Show</button>`}</div>
    </li>`)}</ul>
    <div class="card wide">
      <div class="heading"><h3>Deployments of <${Name}>${value.Name}<//></h3>
        <button type="button" class="small" disabled=${!allowance.may} onClick=${sync}>Sync with the fork</button></div>
      <${WhyNot} allowance=${allowance} />
      <p>${source ? html`From <${Outside} to=${source.RepoUrl}><${Name}>${source.RepoUrl ?? "an address that can't be shown"}<//><//>,
        branch <code><${Name}>${source.Branch ?? "unknown"}<//></code>${source.IsGitHubAction ? ", by a GitHub Action" : ""}.`
        : "This app has no repository in Azure."}</p>
      ${value.Deployments.length ? html`<ol class="plain">${value.Deployments.map((one) => html`<li key=${one.Id}>
        <p class="line"><${Badge} tone=${one.Active ? "ok" : /fail/i.test(one.Status) ? "bad" : "idle"}>${one.Active ? `${one.Status}, active` : one.Status}<//>
          <strong><${Name}>${one.Message ?? short(one.Id)}<//></strong></p>
        <p class="muted small"><code>${short(one.Id)}</code> by <${Name}>${one.Author ?? "unknown"}<//>, <${When} at=${one.Time} /></p></li>`)}</ol>`
        : html`<p class="muted">Azure lists no deployment.</p>`}
    </div>`;
}

/** Return the first digits of a commit. Other versions stay whole. @param {string} version */
function short(version) {
  return /^[0-9a-f]{40}$/i.test(version) ? version.slice(0, 10) : version;
}

/** @param {{ value: StaticWebApp }} props */
function Site({ value }) {
  if (!value.Exists) return html`<p><${Sign} tone="info" /><bdi dir="auto">${value.Reason ?? "CIPP has no static web app."}</bdi></p>`;
  return html`<div class="card wide"><h3><${Name}>${value.Name}<//></h3>
    <dl class="facts">
      <div><dt>Address</dt><dd><${Outside} to=${value.HostName && `https://${value.HostName}`}><${Name}>${value.HostName ?? "unknown"}<//><//></dd></div>
      <div><dt>Plan</dt><dd><${Name}>${value.Plan ?? "unknown"}<//></dd></div>
      <div><dt>Backend</dt><dd><${Name}>${value.LinkedBackends.join(", ") || "none is linked"}<//></dd></div>
      <div><dt>Repository</dt><dd><${Outside} to=${value.Repository}><${Name}>${value.Repository ?? "unknown"}<//><//> <code><${Name}>${value.Branch ?? ""}<//></code></dd></div>
      <div><dt>Last build</dt><dd>${value.LastBuildStatus && html`<${Badge} tone=${value.LastBuildStatus === "Ready" ? "ok" : "warn"}><${Name}>${value.LastBuildStatus}<//><//>`} <${When} at=${value.LastBuild} /></dd></div>
    </dl></div>`;
}
