/*
 * One row of the audit: who asked Kapkan to change something, and what came of it. It stands beside the rooms because
 * several of them share it: the API and the daemon's signals record it, the history keeps it, the API shows it.
 */

export const AUDIT_ACTIONS = ['ban', 'unban', 'config_reload', 'notify_test'] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export const AUDIT_RESULTS = ['active', 'rejected', 'withdrawn', 'ok', 'error'] as const;
export type AuditResult = (typeof AUDIT_RESULTS)[number];

/** `api` is any HTTP client but Kapkan's own commands, which are `cli`. */
export const AUDIT_SOURCES = ['api', 'cli', 'signal'] as const;
export type AuditSource = (typeof AUDIT_SOURCES)[number];

/** Texts are empty where they do not apply. */
export interface AuditEvent {
  /** When it was over, in clock milliseconds. */
  readonly at: number;
  readonly action: AuditAction;
  readonly result: AuditResult;
  /** Name of the token, or of the signal; empty for a caller without a valid token. */
  readonly operator: string;
  readonly role: 'viewer' | 'operator' | '';
  /** Of the token; empty for one that sees every tenant. */
  readonly tenant: string;
  /** The address in canonical form; empty where the request named none. */
  readonly target: string;
  readonly targetType: 'host' | 'config' | 'notify';
  readonly reason: string;
  readonly source: AuditSource;
  /** Of the ban that was made, refused or ended. */
  readonly banState: 'active' | 'withdrawn' | 'rejected' | '';
  readonly dryRun: boolean;
}

/** Where audit events go. `record` neither throws nor waits. */
export interface AuditSink {
  record(event: AuditEvent): void;
}

/** What is absent does not narrow. */
export interface AuditQuery {
  /** Clock milliseconds, both inclusive. */
  readonly from?: number;
  readonly to?: number;
  readonly action?: AuditAction;
  /** Canonical address. */
  readonly target?: string;
  readonly limit: number;
  /** Matching rows to skip, newest first. */
  readonly offset: number;
}

/** Where they are read from, newest first. */
export interface AuditArchive {
  audit(query: AuditQuery): Promise<readonly AuditEvent[]>;
}
