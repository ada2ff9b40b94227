/*
 * `ingest`: the threads and socket buffers that receive telemetry.
 */
import { availableParallelism } from 'node:os';
import * as z from 'zod';
import { choice, integer } from '../fields.ts';
import { defineSection, type FileOf } from '../section.ts';

const MAX_WORKERS = 64;

const keys = {
  ingest: z
    .strictObject({
      workers: z
        .union([integer(1, MAX_WORKERS), choice(['auto'])], {
          error: `must be an integer from 1 to ${MAX_WORKERS}, or "auto"`,
        })
        .default(1)
        .describe(
          'Receiving threads for each listener, or "auto": one less than the CPU cores; with dgram there is one',
        ),
      receive: choice(['auto', 'recvmmsg', 'dgram'])
        .default('auto')
        .describe(
          'How the sockets are read: "recvmmsg" (Linux: many datagrams with one system call), "dgram", or "auto": recvmmsg where it works',
        ),
      receive_buffer_bytes: integer(4096, 1_073_741_824)
        .default(8_388_608)
        .describe('Socket buffer requested from the kernel; a warning is logged if the kernel grants less'),
    })
    .prefault({})
    .describe('Receiving telemetry'),
};

export interface IngestConfig {
  readonly workers: number;
  readonly receive: 'auto' | 'recvmmsg' | 'dgram';
  readonly receiveBufferBytes: number;
}

/** One core is left to the main thread. */
function automaticWorkers(): number {
  return Math.max(1, Math.min(MAX_WORKERS, availableParallelism() - 1));
}

export const ingestSection = defineSection({
  keys,
  rules: [],
  resolve: ({ ingest }: FileOf<typeof keys>): { readonly ingest: IngestConfig } => ({
    ingest: {
      workers: ingest.workers === 'auto' ? automaticWorkers() : ingest.workers,
      receive: ingest.receive,
      receiveBufferBytes: ingest.receive_buffer_bytes,
    },
  }),
  reload: {
    ingest: {
      workers: ({ ingest }) => ingest.workers,
      receive: ({ ingest }) => ingest.receive,
      receive_buffer_bytes: ({ ingest }) => ingest.receiveBufferBytes,
    },
  },
});
