/*
 * Operational events as log lines.
 */
import type { Logger } from '../log.ts';
import type { OperationalEvent, OperationalEventKind } from '../operationalEvent.ts';

const LINES: {
  readonly [kind in OperationalEventKind]: readonly [level: 'info' | 'warn' | 'error', message: string];
} = {
  gobgp_down: ['error', 'GoBGP is not reached'],
  gobgp_up: ['info', 'GoBGP is reached again'],
  peer_down: ['warn', 'a BGP session is down'],
  peer_up: ['info', 'a BGP session is up again'],
  exporter_silent: ['warn', 'an exporter is silent'],
  exporter_back: ['info', 'an exporter sends again'],
};

export function logOperation(log: Logger, { kind, subject, detail }: OperationalEvent): void {
  const [level, message] = LINES[kind];
  log[level]({ address: subject, detail }, message);
}
