/** The frame of every view: which CIPP, who you are, the way to the views, and how old the page is. */

import { html, useEffect, useErrorBoundary, useRef, useState } from "../../vendor/preact-htm.js";
import { addressOf, usePlace } from "../place.js";
import { Changes } from "../parts/allowance.js";
import { MayRead, Part, Trouble, freshness, reload, reloadOne, useReading } from "../parts/reading.js";
import { Standing } from "../parts/status.js";
import { Heading, Name, READ, Sentence, Sign, Zone, absolute, relative, secondsTo } from "../parts/text.js";
import { DeploymentView } from "./deployment.js";
import { DomainsView } from "./domains.js";
import { KeysView } from "./keys.js";
import { LogView } from "./log.js";
import { MigrationView } from "./migration.js";
import { OverviewView, mainApp } from "./overview.js";
import { PermissionsView } from "./permissions.js";
import { RunView } from "./runs.js";
import { SettingsView } from "./settings.js";
import { SignInView } from "./sign-in.js";
import { UsersView } from "./users.js";

/** @typedef {import("../parts/responses.js").Me} Me */
/** @typedef {import("../parts/responses.js").App} App */
/** @typedef {import("../parts/responses.js").Keys} Keys */
/** @typedef {import("../parts/responses.js").Status} Status */
/** @typedef {import("../parts/responses.js").Overview} OverviewValue */
/** @typedef {{ me: Me, place: readonly string[], keys: import("../parts/reading.js").Reading<Keys>,
 *   overview: import("../parts/reading.js").Reading<OverviewValue>,
 *   status?: Status }} ViewProps `status` is known before the overview, and if the overview fails */

/** The views by the first part of their place. A view that is not listed is reached through another one.
 * @type {Record<string, { title: string, Content: (props: ViewProps) => any, isListed?: boolean }>} */
const VIEWS = {
  "": { title: "Overview", Content: OverviewView },
  keys: { title: "Keys", Content: KeysView },
  runs: { title: "Run", Content: RunView, isListed: false },
  settings: { title: "Settings", Content: SettingsView },
  domains: { title: "Domains", Content: DomainsView },
  users: { title: "Users", Content: UsersView },
  signin: { title: "Sign-in", Content: SignInView },
  deployment: { title: "Deployment", Content: DeploymentView },
  migration: { title: "Migration", Content: MigrationView, isListed: false },
  permissions: { title: "Permissions", Content: PermissionsView },
  log: { title: "Log", Content: LogView },
};

/** The whole console. */
export function Frame() {
  const { parts: place } = usePlace();
  const [zone, setZone] = useState(/** @type {string | undefined} */ (undefined));
  const me = useReading("me");
  const mayRead = me.value?.permissions.includes(READ) ?? false;
  const isDenied = me.value !== undefined && !mayRead;
  const apps = useReading(mayRead ? "ListFunctionApps" : null);
  const overview = withStates(useReading(mayRead ? "ListBackend" : null), apps);
  const keys = useReading(mayRead ? "ListKeyRotations" : null);
  // Every role may read the status, so it does not wait for the permissions. The app looks at Azure once for both.
  const isStatusNeeded = isDenied ? rolesOf(me.value).length > 0 : !overview.value;
  const status = useReading(isStatusNeeded ? "ListBackendStatus" : null);
  const signedOut = [me, overview, keys].find((reading) => reading.error?.kind === "signed-out" && reading.value !== undefined);
  const view = Object.hasOwn(VIEWS, place[0] ?? "") ? VIEWS[place[0] ?? ""] : undefined;
  const heading = useHeading(place, view?.title ?? "Not found");

  return html`<${Zone.Provider} value=${zone}><${Changes.Provider} value=${overview.value}><${MayRead.Provider} value=${mayRead}>
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
      ${me.error && !me.value && html`<${Heading} title="CIPP Backend" /><${Trouble} error=${me.error} />
        ${status.value && html`<${WhetherUp} reading=${status} />`}`}
      ${signedOut?.error && html`<${Trouble} error=${signedOut.error} at=${signedOut.at} />`}
      ${isDenied && me.value && html`<${Denied} me=${me.value} status=${status} />`}
      ${!isDenied && (me.value || !me.error) && html`
        <${Updated} me=${me.value} />
        <${Running} keys=${keys.value} />
        ${view ? html`<${View} key=${place[0] ?? ""} view=${view} ...${{ me: me.value ?? NOBODY, place, keys, overview, status: status.value }} />`
               : html`<${Heading} title="Not found" /><p>The console has no such page. <a href=${addressOf()}>Open the overview</a></p>`}`}
    </main>
    <div id="announcer" class="hidden" role="status" aria-live="polite"></div>
  <//><//><//>`;
}

/** Return the overview with the states of the apps, if these are newer. The API keeps the overview itself for 15 s.
 * @param {ViewProps["overview"]} overview @param {import("../parts/reading.js").Reading<App[]>} apps
 * @returns {ViewProps["overview"]} */
function withStates(overview, apps) {
  if (!overview.value || apps.at <= overview.at) return overview;
  const newer = new Map((apps.value ?? []).map((app) => [`${app.Kind} ${app.Name}`, app]));
  const cards = overview.value.Cards.map((card) => {
    const app = newer.get(`${card.Kind} ${card.Name}`);
    // Azure shows that an app is stopped. Whether a container responds, only the overview knows.
    return app ? { ...card, State: app.State, Condition: app.Condition === "Down" || app.Kind !== "WebApp" ? app.Condition : card.Condition } : card;
  });
  const { Status } = overview.value;
  const condition = mainApp(cards)?.Condition;
  const isChanged = Status && condition && condition !== Status.Condition;
  const status = isChanged ? { ...Status, Condition: condition, Since: null, SinceEarliest: null } : Status;
  return { ...overview, value: { ...overview.value, Cards: cards, Status: status } };
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
  if (!group?.Name && !app?.Name) return html`<div class="identity"></div>`;
  const isContainer = me?.ng ?? cards.some((card) => card.Kind === "WebApp");
  const host = group?.Link ? new URL(group.Link).hostname : "";
  const cloud = host.endsWith(".us") ? "Azure Government" : host.endsWith(".cn") ? "Azure China" : "Azure";
  return html`<div class="identity">
    <strong><${Name}>${app?.Name ?? group?.Name}<//></strong>${" "}
    <span class="muted">${isContainer ? "Container" : "Function apps"} in ${" "}
      ${group?.Name && html`<${Name}>${group.Name}<//>, `}${cloud}</span>
  </div>`;
}

/** Who the caller is. @param {{ me?: Me }} props */
function Caller({ me }) {
  if (!me?.clientPrincipal) return html`<div class="caller"></div>`;
  const { userDetails, appId } = me.clientPrincipal;
  const roles = rolesOf(me);
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

/** Return the roles of the caller, without those that the platform gives to everyone. @param {Me} [me] */
function rolesOf(me) {
  const { userRoles, appRole } = me?.clientPrincipal ?? {};
  return (userRoles ?? appRole ?? []).filter((role) => role !== "authenticated" && role !== "anonymous");
}

/** Whether CIPP is up, and whom to call. @param {{ reading: import("../parts/reading.js").Reading<Status> }} props */
function WhetherUp({ reading }) {
  return html`<section class="hero" aria-label="Whether CIPP is up"><${Part} reading=${reading} what="whether CIPP is up">
    ${(/** @type {Status} */ value) => html`<${Standing} status=${value} />
      <p class="under">Whom to call: <strong><bdi dir="auto">${value.Contact ?? "a CIPP superadmin of your company"}</bdi></strong>.</p>`}<//></section>`;
}

/** Someone whose role does not include the console: whether CIPP is up, and whom to call.
 * @param {{ me: Me, status: import("../parts/reading.js").Reading<Status> }} props */
function Denied({ me, status }) {
  const roles = rolesOf(me);
  return html`<h1 tabindex="-1" class="hidden">Status of CIPP</h1>
    ${roles.length > 0 && html`<${WhetherUp} reading=${status} />`}
    <section class="card wide" aria-labelledby="denied">
      <h2 id="denied">${roles.length ? "The rest needs another role" : "You can't see this without a role"}</h2>
      <p>You are signed in as <strong><${Name}>${me.clientPrincipal?.userDetails ?? "an unknown user"}<//></strong>${" "}
        ${roles.length ? html`with the role <strong><${Name}>${roles.join(", ")}<//></strong>.` : "without a role."}</p>
      ${me.message && html`<p><${Sentence} text=${me.message} /></p>`}
      <p>CIPP Backend itself is up: this page and its API respond.</p>
      <p>The console needs the role <strong>admin</strong> to look, and <strong>superadmin</strong> to change things.
        Ask a CIPP superadmin of your company, who can give you the role in CIPP or Microsoft Entra ID.</p>
    </section>`;
}

/** A hint to reload, if another version of the app responds than the one that this page came from. What the page shows
 * stays, because it may have edits. @param {{ me?: Me }} props */
function Updated({ me }) {
  const first = useRef(/** @type {Me | undefined} */ (undefined));
  first.current ??= me;
  const isSame = !me || (me.commit === first.current?.commit && me.version === first.current?.version);
  if (isSame) return null;
  return html`<section class="running" aria-label="Update" role="status">
    <p><${Sign} tone="info" /><strong>CIPP Backend was updated${me.version !== first.current?.version ? html` to <${Name}>${me.version}<//>` : ""}.</strong>
      Reload this page to get the console of the new version. What you have not saved yet is lost then.</p>
    <button type="button" class="small" onClick=${() => location.reload()}>Reload the page</button>
  </section>`;
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
      reloadOne("ListKeyRotationRuns");
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
