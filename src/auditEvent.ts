/*
 * An audit event: who asked Kapkan to change something, and with which result. Several rooms share it: the API and the
 * daemon's signals record it, the history stores it, the API shows it.
 */

export const AUDIT_ACTIONS = ['ban', 'unban', 'config_reload', 'notify_test', 'pause', 'resume'] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export type AuditResult = 'active' | 'rejected' | 'withdrawn' | 'ok' | 'error';

/** `cli` is Kapkan's own commands, `api` is any other HTTP client. */
export type AuditSource = 'api' | 'cli' | 'signal';

/** Texts that do not apply are empty. */
export interface AuditEvent {
  /** When the request was done, in clock milliseconds. */
  readonly eventTime: number;
  readonly action: AuditAction;
  readonly result: AuditResult;
  /** Name of the token or the signal; empty for a caller without a valid token. */
  readonly operator: string;
  readonly role: 'viewer' | 'operator' | '';
  /** Tenant of the token. For a token without one, tenant of the group that owned the target. */
  readonly tenant: string;
  /** The canonical address, or the text of the request; empty where the request named none. */
  readonly target: string;
  readonly targetType: 'host' | 'config' | 'notify' | 'announcements';
  readonly reason: string;
  /** The guard that refused the ban, or what ended it; else empty. A tenant sees no more than that. */
  readonly code: string;
  readonly source: AuditSource;
  /** Address of the client. */
  readonly client: string;
  /** State of the ban that was made, refused or ended. */
  readonly banState: 'active' | 'withdrawn' | 'rejected' | '';
  readonly dryRun: boolean;
}

/** Takes audit events. `record` neither throws nor waits. */
export interface AuditSink {
  record(event: AuditEvent): void;
}

/** An audit event as it is read back from the store. */
export type AuditRow = {
  readonly [field in keyof AuditEvent]: AuditEvent[field] extends string ? string : AuditEvent[field];
};

/** An undefined field does not filter. */
export interface AuditQuery {
  /** Clock milliseconds, `from` included and `to` not. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly action: string | undefined;
  /** Canonical address. */
  readonly target: string | undefined;
  readonly tenant: string | undefined;
  readonly limit: number;
  /** The `nextCursor` of the previous page. */
  readonly cursor: string | undefined;
}

/** Newest first. */
export interface AuditPage {
  readonly rows: readonly AuditRow[];
  /** Undefined on the last page. */
  readonly nextCursor: string | undefined;
}

/** Reads audit events. */
export interface AuditArchive {
  audit(query: AuditQuery): Promise<AuditPage>;
}
