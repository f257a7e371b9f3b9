/** The frame of every view: which CIPP, who you are, the way to the views, and how old the page is. */

import { html, useEffect, useErrorBoundary, useRef, useState } from "../../vendor/preact-htm.js";
import { addressOf, usePlace } from "../place.js";
import { Changes } from "../parts/allowance.js";
import { Trouble, freshness, reload, reloadOne, useReading } from "../parts/reading.js";
import { Heading, Name, READ, Sentence, Sign, Zone, absolute, relative, secondsTo } from "../parts/text.js";
import { DeploymentView } from "./deployment.js";
import { DomainsView } from "./domains.js";
import { KeysView } from "./keys.js";
import { LogView } from "./log.js";
import { OverviewView, mainApp } from "./overview.js";
import { PermissionsView } from "./permissions.js";
import { RunView } from "./runs.js";
import { SettingsView } from "./settings.js";
import { UsersView } from "./users.js";

/** @typedef {import("../parts/responses.js").Me} Me */
/** @typedef {import("../parts/responses.js").App} App */
/** @typedef {import("../parts/responses.js").Keys} Keys */
/** @typedef {import("../parts/responses.js").Overview} OverviewValue */
/** @typedef {{ me: Me, place: readonly string[], keys: import("../parts/reading.js").Reading<Keys>,
 *   overview: import("../parts/reading.js").Reading<OverviewValue> }} ViewProps */

/** The views by the first part of their place. A view that is not listed is reached through another one.
 * @type {Record<string, { title: string, Content: (props: ViewProps) => any, isListed?: boolean }>} */
const VIEWS = {
  "": { title: "Overview", Content: OverviewView },
  keys: { title: "Keys", Content: KeysView },
  runs: { title: "Run", Content: RunView, isListed: false },
  settings: { title: "Settings", Content: SettingsView },
  domains: { title: "Domains", Content: DomainsView },
  users: { title: "Users", Content: UsersView },
  deployment: { title: "Deployment", Content: DeploymentView },
  permissions: { title: "Permissions", Content: PermissionsView },
  log: { title: "Log", Content: LogView },
};

/** The whole console. */
export function Frame() {
  const { parts: place } = usePlace();
  const [zone, setZone] = useState(/** @type {string | undefined} */ (undefined));
  const me = useReading("me");
  const isDenied = me.value !== undefined && !me.value.permissions.includes(READ);
  const apps = useReading(isDenied ? null : "ListFunctionApps");
  const overview = withStates(useReading(isDenied ? null : "ListBackend"), apps);
  const keys = useReading(isDenied ? null : "ListKeyRotations");
  const signedOut = [me, overview, keys].find((reading) => reading.error?.kind === "signed-out" && reading.value !== undefined);
  const view = Object.hasOwn(VIEWS, place[0] ?? "") ? VIEWS[place[0] ?? ""] : undefined;
  const heading = useHeading(place, view?.title ?? "Not found");

  return html`<${Zone.Provider} value=${zone}><${Changes.Provider} value=${overview.value}>
    <button type="button" class="skip" onClick=${() => heading.current?.querySelector("h1")?.focus()}>Skip to content</button>
    <header class="top">
      <div class="bar">
        <a class="brand" href=${addressOf()}><svg viewBox="0 0 32 32" width="28" height="28"
          aria-hidden="true"><rect class="mark-ground" width="32" height="32" rx="7" /><path class="mark-line" d="M9 16.5l5 5 9-11" /></svg><span>CIPP Backend</span></a>
        <${Identity} overview=${overview.value} me=${me.value} />
        <${Caller} me=${me.value} />
      </div>
      <div class="bar second">
        <nav aria-label="Views"><ul>${Object.entries(VIEWS)
          .filter(([, entry]) => entry.isListed !== false)
          .map(([path, { title }]) => html`<li key=${path}>
            <a href=${path ? addressOf(path) : addressOf()} aria-current=${(place[0] ?? "") === path ? "page" : undefined}>${title}</a>
          </li>`)}</ul></nav>
        <${Clock} zone=${zone} setZone=${setZone} cipps=${keys.value?.TimeZone} />
      </div>
    </header>
    <main id="main" ref=${heading}>
      ${me.error && !me.value && html`<${Heading} title="CIPP Backend" /><${Trouble} error=${me.error} />`}
      ${signedOut?.error && html`<${Trouble} error=${signedOut.error} at=${signedOut.at} />`}
      ${isDenied && me.value && html`<${Denied} me=${me.value} />`}
      ${!isDenied && (me.value || !me.error) && html`
        <${Running} keys=${keys.value} />
        ${view ? html`<${View} key=${place[0] ?? ""} view=${view} ...${{ me: me.value ?? NOBODY, place, keys, overview }} />`
               : html`<${Heading} title="Not found" /><p>The console has no such page. <a href=${addressOf()}>Open the overview</a></p>`}`}
    </main>
    <div id="announcer" class="hidden" role="status" aria-live="polite"></div>
  <//><//>`;
}

/** Return the overview with the states of the apps, if these are newer. The API keeps the overview itself for 15 s.
 * @param {ViewProps["overview"]} overview @param {import("../parts/reading.js").Reading<App[]>} apps
 * @returns {ViewProps["overview"]} */
function withStates(overview, apps) {
  if (!overview.value || apps.at <= overview.at) return overview;
  const states = new Map((apps.value ?? []).map((app) => [`${app.Kind} ${app.Name}`, app.State]));
  const cards = overview.value.Cards.map((card) => ({ ...card, State: states.get(`${card.Kind} ${card.Name}`) ?? card.State }));
  return { ...overview, value: { ...overview.value, Cards: cards } };
}

/** Before the caller is known, no control is enabled. @type {Me} */
const NOBODY = { clientPrincipal: null, permissions: [], version: "", commit: "" };

/** Set the title of the page, and move the focus to the heading of a new view.
 * @param {readonly string[]} place @param {string} title */
function useHeading(place, title) {
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const view = useRef(place.join("/"));
  useEffect(() => {
    document.title = `${place[1] ?? title} - CIPP Backend`;
    if (view.current === place.join("/")) return;
    view.current = place.join("/");
    requestAnimationFrame(() => main.current?.querySelector("h1")?.focus());
  });
  useEffect(() => keepFocus(main.current), []);
  return main;
}

/** Move the focus to the heading if the control that has it disappears, such as "Stop" when the app is stopped.
 * @param {HTMLElement | null} main */
function keepFocus(main) {
  /** @type {EventTarget | null} */
  let last = null;
  const note = (/** @type {FocusEvent} */ event) => {
    last = event.target;
  };
  const observer = new MutationObserver(() => {
    const isLost = document.activeElement === document.body && last instanceof HTMLElement && !last.isConnected;
    if (isLost) main?.querySelector("h1")?.focus();
  });
  main?.addEventListener("focusin", note);
  if (main) observer.observe(main, { childList: true, subtree: true });
  return () => {
    observer.disconnect();
    main?.removeEventListener("focusin", note);
  };
}

/** A view. Its error does not empty the frame. @param {{ view: (typeof VIEWS)[string] } & ViewProps} props */
function View({ view, ...props }) {
  const [broken, reset] = useErrorBoundary();
  if (!broken) return html`<${view.Content} ...${props} />`;
  return html`<${Heading} title=${view.title} /><div class="trouble">
    <p><${Sign} tone="bad" />Couldn't show this view. This is a bug in the console.</p>
    <button type="button" class="small" onClick=${reset}>Try again</button></div>`;
}

/** Which CIPP this is. @param {{ overview?: OverviewValue, me?: Me }} props */
function Identity({ overview, me }) {
  const cards = overview?.Cards ?? [];
  const group = cards.find((card) => card.Kind === "ResourceGroup");
  const app = mainApp(cards);
  if (!group && !app) return html`<div class="identity"></div>`;
  const isContainer = me?.ng ?? cards.some((card) => card.Kind === "WebApp");
  const host = group?.Link ? new URL(group.Link).hostname : "";
  const cloud = host.endsWith(".us") ? "Azure Government" : host.endsWith(".cn") ? "Azure China" : "Azure";
  return html`<div class="identity">
    <strong><${Name}>${app?.Name ?? group?.Name}<//></strong>${" "}
    <span class="muted">${isContainer ? "Container" : "Function apps"} in ${" "}
      <${Name}>${group?.Name}<//>, ${cloud}</span>
  </div>`;
}

/** Who the caller is. @param {{ me?: Me }} props */
function Caller({ me }) {
  if (!me?.clientPrincipal) return html`<div class="caller"></div>`;
  const { userDetails, appId, userRoles, appRole } = me.clientPrincipal;
  const roles = (userRoles ?? appRole ?? []).filter((role) => role !== "authenticated" && role !== "anonymous");
  return html`<div class="caller"><${Name}>${userDetails ?? appId}<//>${" "}
    <span class="muted">${roles.length ? html`<${Name}>${roles.join(", ")}<//>` : "no role"}</span></div>`;
}

/** How old the page is, and in which zone its times are.
 * @param {{ zone?: string, setZone: (zone?: string) => void, cipps?: string }} props */
function Clock({ zone, setZone, cipps }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const { at, loading } = freshness();
  const age = Math.round((Date.now() - at) / 1000);
  const isOld = at > 0 && age > 60;
  return html`<div class="clock">
    <button type="button" class="small quiet" disabled=${!cipps} aria-pressed=${zone !== undefined}
      onClick=${() => setZone(zone ? undefined : cipps)}
    >${zone ? `CIPP's time zone (${zone})` : "Your time zone"}</button>
    <button type="button" class=${`small quiet age${isOld ? " old" : ""}`} onClick=${reload}
      title=${at ? `Loaded at ${absolute(at, zone)}` : ""}
    ><svg class=${loading ? "spin" : ""} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"
      ><path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3" /></svg><span class="hidden">Reload now. </span>${at ? (age < 3 ? "Current" : age < 60 ? `${age} s old` : `Loaded ${relative(-age)}`) : "Loading"}</button>
  </div>`;
}

/** Someone whose role does not include the console. @param {{ me: Me }} props */
function Denied({ me }) {
  const roles = (me.clientPrincipal?.userRoles ?? []).filter((role) => role !== "authenticated" && role !== "anonymous");
  return html`<${Heading} title="You can't see this with your role" />
    <div class="card wide">
      <p>You are signed in as <strong><${Name}>${me.clientPrincipal?.userDetails ?? "an unknown user"}<//></strong>${" "}
        ${roles.length ? html`with the role <strong><${Name}>${roles.join(", ")}<//></strong>.` : "without a role."}</p>
      ${me.message && html`<p><${Sentence} text=${me.message} /></p>`}
      <p>CIPP Backend itself is up: this page and its API respond.</p>
      <p>The console needs the role <strong>admin</strong> to look, and <strong>superadmin</strong> to change things.
        Ask a CIPP superadmin of your company, who can give you the role in CIPP or Microsoft Entra ID.</p>
    </div>`;
}

/** A rotation in progress, of whichever admin or timer, and what the last one changed.
 * @param {{ keys?: Keys }} props */
function Running({ keys }) {
  const seen = useRef(/** @type {string | undefined} */ (undefined));
  const [ended, setEnded] = useState(/** @type {string | undefined} */ (undefined));
  const run = keys?.Running;
  useEffect(() => {
    if (run) seen.current = run.RunId;
    else if (keys && seen.current) {
      setEnded(seen.current);
      seen.current = undefined;
    }
  }, [keys]);
  useEffect(() => {
    if (!run) return;
    const timer = setInterval(() => reloadOne("ListKeyRotations"), 5000); // the app writes its progress every 5 s
    return () => clearInterval(timer);
  }, [run?.RunId]);
  if (run) {
    const done = run.Done ?? run.Rotated + run.Unchanged + run.Failed + run.Postponed;
    return html`<section class="running" aria-label="Rotation in progress">
      <p><strong>A rotation is in progress.</strong> ${run.Step && html`<${Sentence} text=${run.Step} />`}</p>
      ${run.Total
        ? html`<progress max=${run.Total} value=${done} aria-label="Keys processed"></progress>
          <p class="muted">${done} of ${run.Total} keys.${run.Failed ? ` ${run.Failed} failed.` : ""}
            ${run.EstimatedEnd && html` Expected to end ${relative(secondsTo(run.EstimatedEnd))}.`}</p>`
        : html`<progress aria-label="Keys processed"></progress>`}
      <p class="muted small">Started ${relative(secondsTo(run.Started))} by <${Name}>${run.By}<//>.</p>
    </section>`;
  }
  const last = keys?.Runs.find((one) => one.RunId === ended);
  if (!last) return null;
  return html`<section class="running" aria-label="Rotation complete" role="status">
    <p><${Sign} tone=${last.Failed ? "bad" : "ok"} /><strong>The rotation is complete.</strong>${" "}
      ${last.Rotated} rotated, ${last.Unchanged} unchanged, ${last.Failed} failed, ${last.Postponed} postponed.
      ${" "}<a href=${addressOf("runs", last.RunId)}>See what changed</a></p>
    <button type="button" class="small quiet" onClick=${() => setEnded(undefined)}>Dismiss</button>
  </section>`;
}
