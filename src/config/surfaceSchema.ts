/*
 * The sections of the config file about what is around the daemon: GoBGP and its API.
 */
import * as z from 'zod';
import {
  choice,
  environmentVariable,
  flag,
  gobgpAddress,
  integer,
  list,
  name,
  oneOrMore,
  socketAddress,
  text,
  UINT32_MAX,
} from './fields.ts';

const file = text('the path of a file');

export const gobgpSchema = z
  .strictObject({
    address: oneOrMore(gobgpAddress(), '"host:port" or "unix:/path"')
      .prefault('127.0.0.1:50051')
      .describe('gRPC interface of GoBGP: "host:port" or "unix:/path"; a list drives several daemons'),
    api: choice(['auto', 'v3', 'v4'])
      .default('auto')
      .describe('Generation of the interface: v3 for GoBGP 3.x, v4 for 4.x, auto finds out'),
    tls: z
      .strictObject({
        ca_file: file
          .optional()
          .describe('CA certificates that the server must be signed by; absent is the system ones'),
        cert_file: file.optional().describe('Client certificate, with key_file'),
        key_file: file.optional().describe('Key of the client certificate'),
        server_name: text('a host name')
          .optional()
          .describe('Name in the server certificate, where it is not the host'),
      })
      .optional()
      .describe('TLS towards GoBGP (PEM files); absent is plain text'),
    timeout_seconds: integer(1, 300).default(5).describe('Deadline of each call'),
    instance_id: integer(0, UINT32_MAX)
      .default(1)
      .describe('Marks the routes of this Kapkan; give each Kapkan at one GoBGP its own'),
  })
  .prefault({})
  .describe('The GoBGP daemon that speaks BGP');

const apiTokenSchema = z
  .strictObject({
    name: name().describe('Shown in logs and the audit'),
    token_env: environmentVariable().describe('Environment variable that holds the token'),
    role: choice(['viewer', 'operator']).describe('viewer reads, operator also bans, unbans and reloads'),
    tenant: name()
      .optional()
      .describe("Narrows the token to the hosts of this tenant's groups, without reload; absent sees everything"),
  })
  .describe('One bearer token');

export const apiSchema = z
  .strictObject({
    listen: socketAddress()
      .prefault('127.0.0.1:8080')
      .describe('TCP socket of the API and /metrics; beyond loopback it needs a token'),
    token_env: environmentVariable().optional().describe('Environment variable that holds the one operator token'),
    tokens: list(apiTokenSchema).optional().describe('Several tokens, instead of token_env'),
    allow_unauthenticated: flag()
      .default(false)
      .describe('Serve the API beyond loopback without a token; whoever reaches it can ban and unban'),
  })
  .prefault({})
  .describe('HTTP API and metrics');
