/** A key as the console shows it: its name, its kind, its state, and what of it is due. */

import { secondsTo } from "./text.js";

/** @typedef {import("./responses.js").KeyState} KeyState */
/** @typedef {import("./text.js").Tone} Tone */

export const ROTATE = "CIPP.AppSettings.ReadWrite";
export const FORCE = "CIPP.SuperAdmin.ReadWrite";
export const DAY = 86_400;

/** What each kind is called. @type {Record<string, string>} */
const KINDS = {
  RefreshToken: "Partner's refresh token",
  TenantRefreshToken: "Direct tenant",
  ClientSecret: "Client secret",
  Certificate: "Certificate",
};

/** Return what the kind of a key is called. @param {string} kind */
export function kindOf(kind) {
  return KINDS[kind] ?? kind;
}

/** Return the name to show: that of a direct tenant, if CIPP's table has one. @param {KeyState} key */
export function titleOf(key) {
  return key.DisplayName || key.Name;
}

/** Return the state of a key. @param {KeyState} key @returns {{ tone: Tone, word: string }} */
export function stateOf(key) {
  if (key.Ends && secondsTo(key.Ends) <= 0) return { tone: key.Counts ? "bad" : "idle", word: "Doesn't work" };
  if (!key.Counts) return { tone: "idle", word: "Not needed" };
  if (key.Problems.length) return { tone: "warn", word: "Has a problem" };
  if (!key.Ends) return { tone: "warn", word: "Expiry unknown" };
  return secondsTo(key.Ends) < 14 * DAY ? { tone: "warn", word: "Expires soon" } : { tone: "ok", word: "Works" };
}

const ORDER = ["bad", "warn", "ok", "info", "idle"];

/** Return the keys, those that need attention first, then by expiry. @param {readonly KeyState[]} keys */
export function sorted(keys) {
  const rank = new Map(keys.map((key) => [key, ORDER.indexOf(stateOf(key).tone)]));
  return [...keys].sort(
    (one, other) => (rank.get(one) ?? 0) - (rank.get(other) ?? 0) || (one.Ends ?? "").localeCompare(other.Ends ?? ""),
  );
}

/** Return until when older versions of a key can still sign in. The API states it as text. @param {KeyState} key */
export function olderEnds(key) {
  return key.Overlapping.flatMap((text) => /until (\d{4}-\d\d-\d\d)/.exec(text)?.[1] ?? []);
}

/** Return whether a key matches what the person searches. @param {KeyState} key @param {string} search */
export function matches(key, search) {
  const text = `${key.Name} ${key.DisplayName ?? ""} ${kindOf(key.Kind)}`.toLowerCase();
  return text.includes(search.trim().toLowerCase());
}
