import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';
import { decodeCommand, fileProblem } from '../../src/cli/decodeCommand.ts';
import { SystemClock } from '../../src/clock.ts';
import { type CommandResult, runInProcess } from './commandRun.ts';

const captures = path.resolve(import.meta.dirname, '../fixtures/captures');

const run = (...args: string[]): Promise<CommandResult> => runInProcess(decodeCommand, args);

const capture = (name: string): string => path.join(captures, `${name}.pcap`);

test('decode prints one JSON object a flow with exactly the documented keys', async () => {
  const { code, stdout } = await run(capture('v5-juniper-mx80.netflow'));
  assert.equal(code, 0);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, 29);
  const flow = JSON.parse(lines[0]);
  assert.deepEqual(Object.keys(flow), [
    'exporter',
    'protocol',
    'src',
    'dst',
    'src_port',
    'dst_port',
    'ip_proto',
    'tcp_flags',
    'packets',
    'bytes',
    'sampling_rate',
    'sampling_source',
    'fragment',
    'in_if',
    'out_if',
    'duration_ms',
  ]);
  assert.deepEqual(
    [flow.exporter, flow.protocol, flow.sampling_rate, flow.sampling_source, flow.fragment],
    ['192.0.2.1', 'netflow5', 1000, 'header', false],
  );
});

test('an exporter that states no sampling rate has rate 1 by default', async () => {
  const { stdout } = await run(capture('v5-softflowd.netflow'));
  const flow = JSON.parse(stdout.split('\n')[0]);
  assert.deepEqual([flow.sampling_rate, flow.sampling_source], [1, 'default']);
});

test('the exporter of sFlow is the agent', async () => {
  const { stdout } = await run(capture('sf-goflow2.sflow'));
  const exporters = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).exporter);
  assert.deepEqual([...new Set(exporters)], ['172.16.0.17', '1.2.3.4']);
});

test('the summary has flows, unused records, errors by reason and missing templates', async () => {
  const { code, stderr } = await run(capture('ix-calmh-bad.netflow'));
  assert.equal(code, 0);
  for (const line of [
    /4 packets, 4 UDP datagrams, 1 exporters/,
    /flows: 0/,
    /records without counters: 40/,
    /records without addresses: 0/,
    /datagrams with errors: 2/,
    /192\.0\.2\.1 record_overrun: 1/,
    /templates still missing:\n +192\.0\.2\.1 ipfix domain \d+: template 49836 never came, 1 data sets wait for it/,
  ]) {
    assert.match(stderr, line);
  }
});

test('the port decides the protocol of a datagram', async () => {
  const file = capture('v5-softflowd.netflow');
  const { stdout, stderr } = await run(file, '--netflow-port', '9995');
  assert.equal(stdout, '');
  assert.match(stderr, /datagrams to other UDP ports: 12/);
  const asSflow = await run(file, '--netflow-port', '9995', '--sflow-port', '2055');
  assert.match(asSflow.stderr, /unsupported_version: 12/);
});

test('a file that is missing or not a capture fails with a line that says why', async () => {
  const missing = await run('/nonexistent/file.pcap');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /ENOENT/);
  const noCapture = await run(path.join(captures, 'README.md'));
  assert.equal(noCapture.code, 1);
  assert.match(noCapture.stderr, /README\.md: Cannot read the capture: byte 0/);
});

test('a capture cut off is used up to the cut, and the summary says so', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'kapkan-decode-'));
  try {
    const file = path.join(directory, 'cut.pcap');
    writeFileSync(file, readFileSync(capture('v5-softflowd.netflow')).subarray(0, 2000));
    const { code, stdout, stderr } = await run(file);
    assert.equal(code, 0);
    assert.ok(stdout.split('\n').length > 10);
    assert.match(stderr, /the capture is cut off: the file ends at byte 2000/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('wrong usage is exit code 2 with the usage', async () => {
  for (const args of [
    [],
    ['a', 'b'],
    ['a', '--nonsense'],
    ['a', '--sflow-port', '70000'],
    ['a', '--sflow-port', '2055'],
  ]) {
    const { code, stderr } = await run(...args);
    assert.equal(code, 2);
    assert.match(stderr, /Usage: kapkan decode FILE/);
  }
});

test('a reader that goes away ends the command without an error', async () => {
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
  const io = { stdout, stderr: new PassThrough(), env: {}, clock: new SystemClock() };
  const code = await decodeCommand([capture('ix-ipfixcol-1.netflow')], io);
  assert.equal(code, 0);
});

test('the message for a file that cannot be read is in plain words, without the one of Node', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'kapkan-file-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [file, why] of [
    [path.join(folder, 'gone.pcap'), 'there is no such file (ENOENT)'],
    [folder, 'it is a directory, not a file (EISDIR)'],
  ]) {
    const { code, stdout, stderr } = await runInProcess(decodeCommand, [file]);
    assert.deepEqual([code, stdout, stderr], [1, '', `kapkan: ${file}: ${why}\n`]);
  }
});

test('an error of the file system without a message of its own is named by its code, and any other error has none', () => {
  assert.equal(
    fileProblem(Object.assign(new Error('x'), { syscall: 'open', code: 'ELOOP' })),
    'it cannot be read (ELOOP)',
  );
  assert.equal(fileProblem(new Error('x')), undefined);
  assert.equal(fileProblem('x'), undefined);
});
