import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { countKernelDrops, readKernelDrops } from '../../src/ingest/udpListener.ts';
import { until } from './runningPool.ts';

/** As Linux 6.1 prints it: two sockets that share 127.0.0.1:2055, and another one. */
const TABLE = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
14309: 0100007F:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20822 2 000000004f65187c 12
14310: 0100007F:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20823 2 000000004f65187d 30
14311: 0100007F:18C7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20824 2 000000004f65187e 5
`;

test('drops are summed over the sockets of the given ports', () => {
  assert.equal(countKernelDrops(TABLE, [2055]), 42);
  assert.equal(countKernelDrops(TABLE, [2055, 6343]), 47);
  assert.equal(countKernelDrops(TABLE, [9999]), 0);
});

test('an empty or malformed table counts nothing', () => {
  for (const text of ['', 'header\n', 'header\nnonsense\n', 'header\n1: 0100007F:0807 x y z\n']) {
    assert.equal(countKernelDrops(text, [2055]), 0);
  }
});

test('drops of a real socket are counted', {
  skip: process.platform !== 'linux' && 'only Linux tells',
}, async () => {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4096 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  // The socket is not read while these are sent, and its buffer holds only a few.
  const payloads = new Array<Uint8Array>(50).fill(new Uint8Array(1400));
  const flood = dgram.createSocket('udp4');
  flood.bind(0, '127.0.0.1');
  await once(flood, 'listening');
  for (const payload of payloads) flood.send(payload, port, '127.0.0.1');
  let drops = 0;
  const looking = setInterval(async () => {
    drops = await readKernelDrops([port]);
  }, 10);
  await until('drops', () => drops > 0);
  clearInterval(looking);
  flood.close();
  socket.close();
});
