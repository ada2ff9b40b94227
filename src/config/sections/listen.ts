/*
 * `listen`: the UDP sockets on which telemetry arrives.
 */
import * as z from 'zod';
import { oneOrMore, socketAddress } from '../fields.ts';
import type { KeyPath } from '../keyPath.ts';
import { defineSection, type FileOf, type RuleContext, readItems } from '../section.ts';
import { formatSocketAddress, type SocketAddress, socketsCollide } from '../socketAddress.ts';

const sockets = oneOrMore(socketAddress(), '"HOST:PORT" or ":PORT"');

const keys = {
  listen: z
    .strictObject({
      netflow: sockets.optional().describe('NetFlow v5, v9 and IPFIX: "HOST:PORT", ":PORT" (IPv4 and IPv6) or a list'),
      sflow: sockets.optional().describe('sFlow v5: "HOST:PORT", ":PORT" (IPv4 and IPv6) or a list'),
    })
    .describe('UDP sockets that telemetry is received on; at least one'),
};

type ListenFile = FileOf<typeof keys>;

export interface ListenConfig {
  readonly netflow: readonly SocketAddress[];
  readonly sflow: readonly SocketAddress[];
}

function checkListeners({ file, isStated, report }: RuleContext<ListenFile>): void {
  if (file.listen !== undefined && !isStated(['listen', 'netflow']) && !isStated(['listen', 'sflow'])) {
    report(['listen'], 'must state at least one of netflow and sflow');
  }
  const earlier: SocketAddress[] = [];
  for (const key of ['netflow', 'sflow'] as const) {
    for (const [index, socket] of readItems(file.listen?.[key])) {
      const path: KeyPath = ['listen', key, index];
      const other = earlier.find((listener) => socketsCollide(listener, socket));
      if (other !== undefined) {
        report(path, `must not take the same socket as another listener, ${formatSocketAddress(other)}`);
      }
      earlier.push(socket);
    }
  }
}

export const listenSection = defineSection({
  keys,
  rules: [checkListeners],
  resolve: ({ listen }: ListenFile): { readonly listen: ListenConfig } => {
    return { listen: { netflow: listen.netflow ?? [], sflow: listen.sflow ?? [] } };
  },
  reload: { listen: { netflow: ({ listen }) => listen.netflow, sflow: ({ listen }) => listen.sflow } },
});
