/*
 * `gobgp`: where the GoBGP daemons are and how they are called.
 */
import path from 'node:path';
import * as z from 'zod';
import { choice, gobgpAddress, integer, oneOrMore, text, UINT32_MAX } from '../fields.ts';
import type { KeyPath } from '../keyPath.ts';
import { defineSection, type FileOf, type Origin, type RuleContext, readItems } from '../section.ts';

const file = text('the path of a file');

const keys = {
  gobgp: z
    .strictObject({
      address: oneOrMore(gobgpAddress(), '"host:port" or "unix:/path"')
        .prefault('127.0.0.1:50051')
        .describe('gRPC interface of GoBGP: "host:port" or "unix:/path"; a list drives several daemons'),
      api: choice(['auto', 'v3', 'v4'])
        .default('auto')
        .describe('Generation of the interface: v3 for GoBGP 3.x, v4 for 4.x; auto detects it'),
      tls: z
        .strictObject({
          ca_file: file
            .optional()
            .describe('CA certificates that the server certificate must be signed by; if absent, those of the system'),
          cert_file: file.optional().describe('Client certificate, with key_file'),
          key_file: file.optional().describe('Key of the client certificate'),
          server_name: text('a host name').optional().describe('Name in the server certificate, if it is not the host'),
        })
        .optional()
        .describe('TLS towards GoBGP (PEM files); if absent, plain text'),
      timeout_seconds: integer(1, 300).default(5).describe('Deadline of each call'),
      instance_id: integer(0, UINT32_MAX)
        .default(1)
        .describe('Marks the routes of this Kapkan; must differ between Kapkans that use the same GoBGP'),
    })
    .prefault({})
    .describe('The GoBGP daemon that speaks BGP'),
};

type GobgpFile = FileOf<typeof keys>;

export interface GobgpConfig {
  /** As written: `host:port` or `unix:/path`; one entry for each daemon. */
  readonly addresses: readonly string[];
  readonly api: 'v3' | 'v4' | 'auto';
  readonly tls: GobgpTlsConfig | undefined;
  readonly timeoutSeconds: number;
  /** Second data part of the marking large community (0 to 2^32 - 1). */
  readonly instanceId: number;
}

/** Absolute paths. */
export interface GobgpTlsConfig {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly serverName: string | undefined;
}

function checkGobgp({ file, isStated, report }: RuleContext<GobgpFile>): void {
  const tls: KeyPath = ['gobgp', 'tls'];
  for (const [key, other] of [
    ['key_file', 'cert_file'],
    ['cert_file', 'key_file'],
  ]) {
    if (isStated([...tls, key]) && !isStated([...tls, other])) {
      report([...tls, other], `is missing, ${key} needs it`, 'missing');
    }
  }
  const seen = new Set<string>();
  for (const [index, { target }] of readItems(file.gobgp?.address)) {
    if (target !== undefined && seen.has(target)) {
      report(['gobgp', 'address', index], `must name each daemon once, ${target} is named above`);
    }
    if (target !== undefined) seen.add(target);
  }
}

function resolveGobgp({ gobgp }: GobgpFile, { directory }: Origin): { readonly gobgp: GobgpConfig } {
  const absolute = (file: string | undefined) => (file === undefined ? undefined : path.resolve(directory, file));
  const tls = gobgp.tls && {
    caFile: absolute(gobgp.tls.ca_file),
    certFile: absolute(gobgp.tls.cert_file),
    keyFile: absolute(gobgp.tls.key_file),
    serverName: gobgp.tls.server_name,
  };
  return {
    gobgp: {
      addresses: gobgp.address.map(({ target }) => target),
      api: gobgp.api,
      tls,
      timeoutSeconds: gobgp.timeout_seconds,
      instanceId: gobgp.instance_id,
    },
  };
}

export const gobgpSection = defineSection({
  keys,
  rules: [checkGobgp],
  resolve: resolveGobgp,
  reload: {
    gobgp: {
      address: ({ gobgp }) => gobgp.addresses,
      api: ({ gobgp }) => gobgp.api,
      tls: ({ gobgp }) => gobgp.tls,
      timeout_seconds: ({ gobgp }) => gobgp.timeoutSeconds,
      instance_id: ({ gobgp }) => gobgp.instanceId,
    },
  },
});
