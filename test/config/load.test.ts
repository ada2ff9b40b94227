import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/errors.ts';
import { configOf, FILE, MINIMAL, onlyProblemOf, placesOf, problemsOf, withLines } from './configText.ts';

test('the smallest file gets every default of the contract', () => {
  const config = configOf(MINIMAL);
  assert.equal(config.dryRun, true);
  assert.deepEqual(config.listen, { netflow: [{ host: '::', port: 2055 }], sflow: [] });
  assert.deepEqual(config.ingest, { workers: 1, receive: 'auto', receiveBufferBytes: 8 * 1024 * 1024 });
  assert.deepEqual(config.flowSources, []);
  assert.equal(config.flowSourcesEnforce, false);
  assert.equal(config.sampling.defaultRate, 1);
  assert.equal(config.sampling.overrides.size, 0);
  assert.deepEqual(config.protectedWhitelist, []);
  assert.deepEqual(config.detection, { windowSeconds: 5, confidence: 2 });
  assert.deepEqual(config.samples, { enabled: true, bufferFlows: 65_536, flowsPerAttack: 20 });
  assert.equal(config.ban.onShutdown, 'keep');
  assert.equal(config.ban.maxTtlSeconds, 604_800);
  assert.equal(config.ban.maxTenantShare, 0.5);
  assert.equal(config.ban.maxActiveBans, 100);
  assert.equal(config.ban.maxBannedFraction, 1);
  assert.equal(config.ban.maxBansPerWindow, Number.POSITIVE_INFINITY);
  assert.equal(config.flowspecMaxRules, Number.POSITIVE_INFINITY);
  assert.deepEqual(config.gobgp, {
    addresses: ['127.0.0.1:50051'],
    api: 'auto',
    tls: undefined,
    timeoutSeconds: 5,
    instanceId: 1,
  });
  assert.equal(config.storage.path, '/etc/kapkan/kapkan-state');
  assert.deepEqual(config.api, { listen: { host: '127.0.0.1', port: 8080 }, tokens: [], allowUnauthenticated: false });
  assert.equal(config.groups.length, 1);
  const [global] = config.groups;
  assert.equal(global.name, 'global');
  assert.equal(global.mitigation, 'blackhole');
  assert.deepEqual(global.thresholds, { pps: 100_000, mbps: 1000, flows_per_sec: 5000 });
  assert.deepEqual(global.thresholdSources, { pps: 'global', mbps: 'global', flows_per_sec: 'global' });
  assert.equal(global.ban.ttlSeconds, 600);
  assert.equal(global.ban.unbanHysteresisSeconds, 60);
  assert.equal(global.ban.fallback, 'blackhole');
  assert.equal(global.bgp.nextHop6, '100::1');
  assert.deepEqual(global.bgp.communities, [{ kind: 'standard', value: 0xffff029a, text: '65535:666' }]);
  assert.equal(global.flowspec.action, 'discard');
  assert.equal(global.flowspec.minSourceConcentration, 0.8);
  assert.equal(global.scrubbing, undefined);
  assert.deepEqual(global.escalation, []);
});

test('everything that is wrong is said at once, in the order of the file, each at its line and column', () => {
  const text = `dry_run: "false"
listen:
  netflow: [":2055", "[::1]:99999"]
  sflow: 0.0.0.0:2055
networks:
  - 192.0.2.0/24
  - 192.0.2.128/25
  - 192.0.2.1/24
thresholds: { pps: "5", mbps: 0 }
hostgroups:
  - name: web
    network: [192.0.2.0/25]
    networks: [198.51.100.0/24]
ban:
  ttl_seconds: 1.5
  ttl_seconds: -1
  max_active_bans:
api: { listen: ":8080" }
detection: { window_seconds: 2.5 }
`;
  assert.deepEqual(placesOf(text), [
    '1:10 dry_run',
    '3:22 listen.netflow[1]',
    '4:10 listen.sflow',
    '7:5 networks[1]',
    '8:5 networks[2]',
    '9:1 thresholds.flows_per_sec',
    '9:20 thresholds.pps',
    '9:31 thresholds.mbps',
    '12:5 hostgroups[0].network',
    '16:3 ban.ttl_seconds',
    '16:16 ban.ttl_seconds',
    '17:3 ban.max_active_bans',
    '18:16 api.listen',
    '19:30 detection.window_seconds',
  ]);
});

test('a problem says what is allowed and what was found', () => {
  assert.equal(
    onlyProblemOf(withLines('detection: { window_seconds: 61 }')),
    'detection.window_seconds: must be an integer from 1 to 60, got 61',
  );
  assert.equal(
    onlyProblemOf(withLines('mitigation: rtbh')),
    'mitigation: must be one of "blackhole", "flowspec", "divert", "none", got "rtbh"',
  );
  assert.equal(
    onlyProblemOf(withLines('protected_whitelist: [192.0.2.1/24]')),
    'protected_whitelist[0]: must be an IP prefix such as 192.0.2.0/24, or an address: ' +
      '"192.0.2.1/24" has host bits set, did you mean 192.0.2.0/24?',
  );
  assert.equal(onlyProblemOf(withLines('samples: 5')), 'samples: must be a mapping of keys to values, got 5');
  assert.equal(onlyProblemOf(withLines('hostgroups:')), 'hostgroups: must be a list, got nothing (an empty value)');
});

test('a number in quotes is an error that says so', () => {
  assert.equal(
    onlyProblemOf(withLines('sampling: { default_rate: "1000" }')),
    'sampling.default_rate: must be a number from 1 to 4294967295, ' +
      'got the text "1000": a number in quotes is text, remove the quotes',
  );
});

test('a word that older YAML took for a boolean does not turn dry_run off', () => {
  for (const word of ['no', 'off', '0', '"false"', 'False ', '~']) {
    const text = withLines(`dry_run: ${word}`);
    if (word === 'False ') assert.match(problemsOf(text)[0].path, /bgp/);
    else assert.match(onlyProblemOf(text), /^dry_run: must be true or false, got /);
  }
});

test('an unknown key is refused with the nearest known one', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['dryrun: true', /^dryrun: is not a known key, did you mean "dry_run"\?$/],
    ['hostgroups: [{ name: a, networks: [192.0.2.1], escalaton: [] }]', /did you mean "escalation"\?$/],
    ['on_shutdown: keep', /did you mean ban.on_shutdown\?$/],
    ['detection: { quux: 1 }', /^detection.quux: is not a known key, known here: window_seconds, confidence$/],
    ['gobgp: { TimeoutSeconds: 1 }', /did you mean "timeout_seconds"\?$/],
    ['__proto__: { dry_run: false }', /^__proto__: is not a known key/],
  ];
  for (const [line, expected] of cases) assert.match(onlyProblemOf(withLines(line)), expected);
});

test('keys of later versions are unknown, not silently ignored', () => {
  for (const line of [
    'baseline: {}',
    'carpet: {}',
    'geoip: {}',
    'thresholds_outgoing: { pps: 1 }',
    'api: { console: true }',
    'hostgroups: [{ name: a, networks: [192.0.2.1], calculation: total }]',
  ]) {
    assert.match(onlyProblemOf(withLines(line)), /is not a known key/, line);
  }
});

test('a key given twice is an error even if both values are the same', () => {
  assert.equal(
    onlyProblemOf(withLines('detection: {}', 'detection: {}')),
    'detection: is given twice, first on line 5',
  );
});

test('an empty file, comments alone, and a file of another kind have different messages', () => {
  assert.match(onlyProblemOf(''), /^: is empty, it must state at least listen/);
  assert.match(onlyProblemOf('# nothing yet\n---\n'), /^: is empty/);
  assert.match(onlyProblemOf('- 1\n'), /^: must be a mapping of keys to values, got a list$/);
});

test('after a syntax error nothing is checked, before it everything is', () => {
  assert.deepEqual(placesOf('networks: 5\nmitigation: x\nlisten:\n\tnetflow: 1\nfoo: 1\n'), [
    '1:11 networks',
    '2:13 mitigation',
    '4:1 ',
  ]);
});

test('hostile YAML is refused in bounded time', () => {
  const lol = ['a: &a0 [x,x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 12; i++)
    lol.push(
      `b${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(',')}]`,
    );
  const hostile = {
    'exponential aliases': lol.join('\n'),
    'an alias inside itself': 'networks: &n [*n]\nlisten: *n\n',
    'an alias to nothing': 'networks: *nowhere\n',
    'deep lists': '['.repeat(50_000),
    'deep mappings': '{a: '.repeat(50_000),
    'deep sequences': '- '.repeat(50_000),
    tags: 'networks: !!js/function "x"\n',
    'a list as a key': '? [1, 2]\n: 3\n',
    'two documents': `${MINIMAL}---\n${MINIMAL}`,
    'a huge text': ' '.repeat(5_000_000),
    'a NUL byte': 'a: \u0000',
    'a long key': `${'k'.repeat(100_000)}: 1`,
  };
  for (const [name, text] of Object.entries(hostile)) assert.ok(problemsOf(text).length > 0, name);
});

test('an alias may be used, and what is wrong behind it is shown where it was written', () => {
  const text = `${MINIMAL}bgp: { communities: &c [blackhole, "1:2:3"] }
scrubbing: { next_hop: 192.0.2.9, communities: *c }
`;
  const [global] = configOf(text).groups;
  assert.deepEqual(global.scrubbing?.communities, global.bgp.communities);
  assert.deepEqual(placesOf(text.replace('1:2:3', '1:2:3:4')), [
    '5:36 bgp.communities[1]',
    '5:36 scrubbing.communities[1]',
  ]);
});

test('a file that cannot be read is a problem of the file', () => {
  assert.throws(
    () => loadConfig('/nonexistent/kapkan.yaml', {}),
    (error) =>
      error instanceof ConfigError && /^\/nonexistent\/kapkan.yaml: cannot be read: ENOENT/.test(error.message),
  );
});

test('relative paths start from the directory of the file', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'kapkan-config-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'kapkan.yaml');
  writeFileSync(
    file,
    withLines('storage: { path: state }', 'gobgp: { tls: { ca_file: pki/ca.pem, server_name: rr1 } }'),
  );
  const config = loadConfig(path.relative(process.cwd(), file), {});
  assert.equal(config.file, file);
  assert.equal(config.storage.path, path.join(directory, 'state'));
  assert.equal(config.gobgp.tls?.caFile, path.join(directory, 'pki/ca.pem'));
  assert.equal(config.gobgp.tls?.serverName, 'rr1');
});

test('the problems carry the name of the file as it was given', () => {
  assert.equal(problemsOf('x')[0].file, FILE);
});

test('addresses become canonical', () => {
  const config = configOf(
    withLines(
      'flow_sources: ["2001:DB8:0::1", "::ffff:192.0.2.9", " 192.0.2.9 "]',
      'sampling: { overrides: [{ exporter: "2001:db8::0001", rate: 512 }], boundary: [{ exporter: "2001:db8::0001", external_ifindexes: [9, 4] }] }',
      'gobgp: { address: ["gobgp.example.net:50051", "[2001:DB8::2]:50051", "unix:/run/gobgp.sock"] }',
    ),
  );
  assert.deepEqual(config.flowSources, ['2001:db8::1', '192.0.2.9']);
  assert.equal(config.sampling.overrides.get('2001:db8::1'), 512);
  const border = { externalInterfaces: [4, 9], egressSampling: false };
  assert.deepEqual([...config.sampling.boundaries], [['2001:db8::1', border]]);
  assert.deepEqual(config.gobgp.addresses, ['gobgp.example.net:50051', '[2001:db8::2]:50051', 'unix:/run/gobgp.sock']);
});

test('auto leaves one core to the main thread', () => {
  assert.ok(configOf(withLines('ingest: { workers: auto }')).ingest.workers >= 1);
  assert.equal(
    onlyProblemOf(withLines('ingest: { workers: many }')),
    'ingest.workers: must be an integer from 1 to 64, or "auto", got "many"',
  );
});
