// The responses of the API that the console shows, for tsc alone. This file is not served.
// A field with a question mark may be missing, because an older version of the app lacks it.

export interface Me {
  clientPrincipal: { userDetails?: string; userRoles?: string[]; appId?: string; appRole?: string[] } | null;
  permissions: string[];
  version: string;
  commit: string;
  message?: string;
  ng?: boolean;
}
export interface Card {
  Name: string;
  Kind: string;
  Exists: boolean | null;
  State: string | null;
  Link: string | null;
  Problems: string[];
  Notes: string[];
}
export interface Overview {
  Mode: string;
  ModeNotes: string[];
  Cards: Card[];
  AsOf: string;
  Version: string;
  Commit: string;
}
export interface App {
  Name: string;
  Kind: string | null;
  State: string;
  IsMain: boolean;
  AnswersThis: boolean;
  DefaultHostName: string | null;
  PortalLink: string;
  Problems: string[];
}
export interface KeyReport {
  Name: string;
  Kind: string;
  Outcome: string;
  Reason: string;
  Advice: string | null;
  CurrentSince?: string | null;
  Expires?: string | null;
}
export interface Run {
  RunId: string;
  By: string;
  Started: string;
  Ended: string | null;
  Seconds: number | null;
  Total: number;
  Rotated: number;
  Unchanged: number;
  Failed: number;
  Postponed: number;
  KeysAvailable: boolean;
  Keys: KeyReport[];
  Step?: string | null;
  Done?: number | null;
  EstimatedEnd?: string | null;
}
export interface KeyState {
  Name: string;
  Kind: string;
  DisplayName?: string | null;
  CurrentSince: string | null;
  Ends: string | null;
  LastProven: string | null;
  Counts: boolean;
  Overlapping: string[];
  Problems: string[];
}
export interface Keys {
  WorksUntil: string | null;
  Sentence: string;
  Running: Run | null;
  Runs: Run[];
  NextWeekStarts: string;
  TimeZone: string;
  Keys: KeyState[];
  Apps: { Name: string; RunsWithCurrentKeys: string; Advice: string | null }[];
  NotRotated: string[];
  Notes: string[];
}
export interface Setting {
  Name: string;
  Value: string | null;
  Masked: boolean;
  KeyVaultReference: string | null;
  ReferenceStatus: string | null;
  SlotSetting: boolean;
}
export interface DnsRecord {
  Type: string;
  Host: string;
  Value: string | null;
}
export interface Domain {
  Name: string;
  State: string;
  ValidationToken: string | null;
  Error: string | null;
  Since: string | null;
  DnsRecord: DnsRecord | null;
  RoutingRecord: DnsRecord | null;
}
export interface User {
  UserId: string;
  DisplayName: string;
  Provider: string;
  Roles: string[];
  UnknownRoles: string[];
}
export interface Users {
  Users: User[];
  SeatsUsed: number;
  Seats: number;
  Note: string;
}
export interface StaticWebApp {
  Exists: boolean;
  Reason: string | null;
  Name: string | null;
  HostName: string | null;
  Plan: string | null;
  LinkedBackends: string[];
  Repository: string | null;
  Branch: string | null;
  LastBuild: string | null;
  LastBuildStatus: string | null;
  Link: string | null;
}
export interface Deployments {
  Name: string;
  Source: { RepoUrl: string | null; Branch: string | null; IsGitHubAction: boolean } | null;
  Deployments: {
    Id: string;
    Time: string | null;
    Author: string | null;
    Message: string | null;
    Status: string;
    Active: boolean;
  }[];
  SameVersion: boolean | null;
  Versions: Record<string, string | null>;
}
export interface Right {
  Feature: string;
  Kind: string;
  Action: string;
  Scope: string;
  Has: boolean | null;
  Problem: string | null;
}
export interface Rights {
  Mode: string;
  Rights: Right[];
  Missing: number;
  Commands: string[];
}
export interface NotInThisShape {
  Shape: string;
  Reason: string;
  Instead: string;
}
export interface LogEntry {
  Id: string;
  Time: string;
  Api: string;
  User: string;
  Message: string;
  Outcome: string | null;
  CorrelationId: string | null;
  Endpoint: string | null;
  DryRun: boolean | null;
  Roles: string | null;
  Address: string | null;
  Key: string | null;
  RunId: string | null;
  Tenant: string | null;
}
export interface LogPage {
  Entries: LogEntry[];
  Before: string | null;
  Notes: string[];
}
