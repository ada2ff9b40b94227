/*
 * One row of the audit: who asked Kapkan to change something, and what came of it. It stands beside the rooms because
 * several of them share it: the API and the daemon's signals record it, the history keeps it, the API shows it.
 */

export const AUDIT_ACTIONS = ['ban', 'unban', 'config_reload', 'notify_test'] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export type AuditResult = 'active' | 'rejected' | 'withdrawn' | 'ok' | 'error';

/** `api` is any HTTP client but Kapkan's own commands, which are `cli`. */
export type AuditSource = 'api' | 'cli' | 'signal';

/** Texts are empty where they do not apply. */
export interface AuditEvent {
  /** When it was over, in clock milliseconds. */
  readonly eventTime: number;
  readonly action: AuditAction;
  readonly result: AuditResult;
  /** Name of the token, or of the signal; empty for a caller without a valid token. */
  readonly operator: string;
  readonly role: 'viewer' | 'operator' | '';
  /** Of the token; for one that sees every tenant, of the group that owned the target. */
  readonly tenant: string;
  /** The address, canonical where it is one; empty where the request named none. */
  readonly target: string;
  readonly targetType: 'host' | 'config' | 'notify';
  readonly reason: string;
  /** The guard that refused the ban, or what ended it; else empty. A tenant is told no more than that. */
  readonly code: string;
  readonly source: AuditSource;
  /** Address of the client. */
  readonly client: string;
  /** Of the ban that was made, refused or ended. */
  readonly banState: 'active' | 'withdrawn' | 'rejected' | '';
  readonly dryRun: boolean;
}

/** Where audit events go. `record` neither throws nor waits. */
export interface AuditSink {
  record(event: AuditEvent): void;
}

/** As it comes back from where it was kept. */
export type AuditRow = {
  readonly [field in keyof AuditEvent]: AuditEvent[field] extends string ? string : AuditEvent[field];
};

/** What is undefined does not narrow. */
export interface AuditQuery {
  /** Clock milliseconds, `from` included and `to` not. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly action: string | undefined;
  /** Canonical address. */
  readonly target: string | undefined;
  readonly tenant: string | undefined;
  readonly limit: number;
  /** The `nextCursor` of the page before. */
  readonly cursor: string | undefined;
}

/** Newest first. */
export interface AuditPage {
  readonly rows: readonly AuditRow[];
  /** Undefined on the last page. */
  readonly nextCursor: string | undefined;
}

/** Where they are read from. */
export interface AuditArchive {
  audit(query: AuditQuery): Promise<AuditPage>;
}
