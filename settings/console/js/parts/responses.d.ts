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
  Condition?: Status["Condition"] | null;
}
export interface Status {
  Name: string | null;
  Condition: "Up" | "Starting" | "Down" | "Unknown";
  Since: string | null;
  SinceEarliest: string | null;
  WorksUntil: string | null;
  Contact: string | null;
  AsOf: string;
}
export interface Overview {
  Status?: Status;
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
  Condition?: Status["Condition"];
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
export interface Runs {
  Runs: Run[];
  ByWeek: string;
  HasMore: boolean;
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
export interface SignInCause {
  Cause: string;
  Present: string;
  Sign: string;
  Cure: string;
  Repairable: boolean;
  NeedsForce: boolean;
}
export interface SignInState {
  Works: boolean | null;
  Causes: SignInCause[];
}
export interface SignInStep {
  Cause: string;
  Outcome: string;
  Text: string;
  Script: string | null;
  PutBack: string | null;
}
export interface Keys {
  WorksUntil: string | null;
  Sentence: string;
  SignInWorksUntil?: string | null;
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
export interface NeededRecord extends DnsRecord {
  Purpose: "Traffic" | "Ownership";
  Found: boolean | null;
}
export interface CippDomain {
  Name: string;
  State: string;
  IsBound: boolean;
  IsCippsOwn: boolean;
  Since: string | null;
  Records: NeededRecord[];
  WrongRecords: NeededRecord[];
  Seen: { Cnames: string[]; Addresses: string[] } | null;
  Certificate: { Name: string; Thumbprint: string | null; Expires: string | null } | null;
  Callback: boolean | null;
  Problems: string[];
  Notes: string[];
  NextStep: string | null;
}
export interface CippDomains {
  DefaultHost: string | null;
  DefaultCallback: boolean | null;
  Domains: CippDomain[];
  Notes: string[];
}
export interface UserRole {
  Role: string;
  Manual: boolean;
  BySync: boolean;
  Groups: string[];
  Exists: boolean | null;
}
export interface User {
  User: string;
  DisplayName: string | null;
  Roles: UserRole[];
  IsLastSuperadmin: boolean;
  Provider: string | null;
  UserId: string | null;
  Source: string | null;
  LastSync: string | null;
  Problems: string[];
}
export interface Users {
  Users: User[];
  AvailableRoles: { Role: string; IsCustom: boolean }[];
  Groups: { Group: string; GroupId: string; Role: string }[];
  Overwritten: { User: string; Time: string; Text: string }[];
  Address: string | null;
  EffectiveWithinMinutes: number | null;
  SeatsUsed: number | null;
  Seats: number | null;
  Notes: string[];
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
export interface ImageInRegistry {
  Tag: string;
  Version: string | null;
  Digest: string | null;
  Commit: string | null;
  Built: string | null;
  Unknown: string | null;
}
export interface Versions {
  Running: { Version: string | null; Commit: string | null; Built: string | null; Tag: string | null; Unknown: string | null };
  Configured: { Image: string | null; Tag: string | null; Digest: string | null; IsPinned: boolean; Unknown: string | null };
  InRegistry: ImageInRegistry | null;
  Channels: ImageInRegistry[];
  Published: { Versions: string[]; Branches: string[]; Unknown: string | null };
  Updates: { NextCheck: string | null; NextCheckLocal: string | null; Note: string; Unknown: string | null };
  History: { GoBackTo: string | null; Unknown: string | null };
}
export interface Operation {
  Id: string;
  Kind: string;
  Target: string;
  Before: string;
  Began: string;
  Deadline: string;
  By: string;
  Step: string;
  Next: string[];
  Outcome: string;
  Result: string;
  Ended: string | null;
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
export interface MigrationReport {
  Verdict: "Ready" | "NotReady" | "Unknown";
  Summary: string;
  Findings: { Severity: "Blocking" | "Loss" | "Unknown" | "Note"; Part: string; Text: string }[];
  Deleted: { Type: string; Name: string; IsCipps: boolean; IsThisApp: boolean }[];
  Users: { Name: string; Provider: string; Roles: string[]; RolesAfter: string[]; Problem: string | null }[] | null;
}
export interface SignInStart {
  Name: string;
  Method: string;
  Account: string | null;
  Address: string | null;
  UserCode: string | null;
  IntervalSeconds: number | null;
  Expires: string | null;
  State: string | null;
}
