import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { flowgenCommand } from '../../src/cli/flowgenCommand.ts';
import { DecodeContext } from '../../src/decode/decodeContext.ts';
import { ExporterState } from '../../src/decode/exporter/exporterState.ts';
import { decodeNetflow } from '../../src/decode/netflow/decodeNetflow.ts';
import { decodeSflow } from '../../src/decode/sflow/decodeSflow.ts';
import { FlowBatch } from '../../src/flowBatch.ts';
import { formatWords } from '../../src/net/address.ts';
import { runInProcess } from './commandRun.ts';

for (const [protocol, host] of [
  ['netflow5', '127.0.0.1'],
  ['netflow9', '::1'],
  ['ipfix', '127.0.0.1'],
  ['sflow5', '::1'],
] as const) {
  test(`a collector on ${host} counts exactly the packets that ${protocol} telemetry was to stand for`, async (t) => {
    const collector = await Collector.listen(t, host, protocol === 'sflow5');
    const target = protocol === 'netflow5' ? '203.0.113.9' : '2001:db8::9';
    const args = [
      `--protocol=${protocol}`,
      `--target=${target}`,
      '--attack=syn',
      '--pps=250000',
      '--sampling=250',
      '--seconds=0.4',
    ];
    const result = await runInProcess(flowgenCommand, [...args, `--to=${collector.address}`]);
    assert.equal(result.code, 0, result.stderr);
    await collector.whenPacketsAre(100_000);
    assert.deepEqual([...collector.targets], [target]);
    assert.equal(collector.exporter.decodeErrorDatagrams, 0);
    assert.match(result.stdout, /stand for 100,000 /);
  });
}

test('a million packets a second without sampling are reported in few enough records', async (t) => {
  const collector = await Collector.listen(t, '127.0.0.1', false);
  const args = ['--target=203.0.113.9', '--pps=1000000', '--sampling=1', '--seconds=0.3', '--protocol=netflow5'];
  const result = await runInProcess(flowgenCommand, [...args, `--to=${collector.address}`]);
  assert.equal(result.code, 0, result.stderr);
  await collector.whenPacketsAre(300_000);
  assert.ok(collector.flows <= 7_000, `${collector.flows} records`);
});

test('the message for wrong usage says what is allowed, and the exit code is 2', async () => {
  const wrong: [string[], RegExp][] = [
    [[], /--target is missing/],
    [['--target=203.0.113.300'], /--target must be an IP address/],
    [['--target=203.0.113.9', '--attack=teardrop'], /--attack must be one of ntp_amplification, .*got "teardrop"/],
    [['--target=203.0.113.9', '--protocol=netflow7'], /--protocol must be one of netflow5, .*got "netflow7"/],
    [['--target=203.0.113.9', '--pps=0'], /--pps must be a number from 1 to/],
    [['--target=203.0.113.9', '--pps=1e9'], /--pps must be a number/],
    [['--target=203.0.113.9', '--sampling=1.5'], /--sampling must be a whole number/],
    [['--target=203.0.113.9', '--seconds=-1'], /--seconds/],
    [['--target=203.0.113.9', '--attack=syn', '--bytes=39'], /--bytes must be a whole number from 40 to/],
    [['--target=2001:db8::9', '--attack=fragment', '--bytes=55'], /--bytes must be a whole number from 56 to/],
    [['--target=2001:db8::9', '--protocol=netflow5'], /netflow5 knows only IPv4/],
    [['--target=203.0.113.9', '--to=127.0.0.1'], /--to must be HOST:PORT/],
    [['--target=203.0.113.9', '--to=127.0.0.1:70000'], /--to must be HOST:PORT/],
    [['--target=203.0.113.9', '--pps=10', '--sampling=1000', '--seconds=1'], /none is seen in 1 seconds/],
    [['--target=203.0.113.9', '--speed=10'], /--speed/],
    [['203.0.113.9'], /203\.0\.113\.9/],
  ];
  for (const [args, message] of wrong) {
    const { code, stderr, stdout } = await runInProcess(flowgenCommand, args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, message);
    assert.equal(stdout, '');
  }
});

test('where nothing listens the exit code is 4, and the message says so', async () => {
  const port = await freePort();
  const args = ['--target=203.0.113.9', '--seconds=0.3', `--to=127.0.0.1:${port}`];
  const { code, stderr } = await runInProcess(flowgenCommand, args);
  assert.equal(code, 4);
  assert.match(stderr, /nobody listens/);
});

test('--help names every attack and protocol', async () => {
  const { code, stdout } = await runInProcess(flowgenCommand, ['--help']);
  assert.equal(code, 0);
  for (const name of ['memcached_amplification', 'fragment_flood', 'normal', 'sflow5'])
    assert.ok(stdout.includes(name));
});

/** A socket that decodes what comes in. */
class Collector {
  readonly exporter = new ExporterState('127.0.0.1');
  readonly targets = new Set<string>();
  packets = 0;
  flows = 0;
  readonly #socket: Socket;
  readonly #batch = new FlowBatch(0);
  readonly #context = new DecodeContext(this.#batch);
  readonly #decode: typeof decodeNetflow;

  private constructor(socket: Socket, sflow: boolean) {
    this.#socket = socket;
    this.#decode = sflow ? decodeSflow : decodeNetflow;
    socket.on('message', (datagram) => this.#receive(datagram));
  }

  static async listen(t: TestContext, host: string, sflow: boolean): Promise<Collector> {
    const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4_194_304 });
    socket.bind(0, host);
    await once(socket, 'listening');
    t.after(() => socket.close());
    return new Collector(socket, sflow);
  }

  get address(): string {
    const { address, port } = this.#socket.address();
    return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  }

  /** Waits for what is still in the socket. Fails at once when there are more, and after two seconds when fewer. */
  async whenPacketsAre(expected: number): Promise<void> {
    const deadline = AbortSignal.timeout(2_000);
    while (this.packets < expected && !deadline.aborted) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(this.packets, expected);
  }

  #receive(datagram: Buffer): void {
    const batch = this.#batch;
    batch.beginDatagram();
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
    this.#context.begin(view, datagram.length, this.exporter, 0);
    this.#decode(this.#context);
    for (let row = batch.start; row < batch.end; row++) {
      this.packets += batch.sampledPackets[row] * batch.samplingRate[row];
      this.targets.add(formatWords(batch.dst0[row], batch.dst1[row], batch.dst2[row], batch.dst3[row]));
    }
    this.flows += batch.end - batch.start;
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}
