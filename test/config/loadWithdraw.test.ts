import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWithdrawConfig } from '../../src/config/loadWithdraw.ts';
import { FILE, MINIMAL } from './configText.ts';

const PARTS = `dry_run: false
gobgp:
  # Two daemons.
  address:
    - 192.0.2.1:50051
    - unix:/run/gobgp.sock

  tls: { ca_file: ca.pem }
  instance_id: 7
storage: { path: state,
  retention_days: 3
}
`;

const VALID = `${MINIMAL}bgp: { next_hop: 192.0.2.1 }\n${PARTS}`;

function partsOf(text: string) {
  const { problems, ...parts } = parseWithdrawConfig(text, FILE);
  return { ...parts, isValid: problems.length === 0 };
}

const EXPECTED = {
  dryRun: false,
  addresses: ['192.0.2.1:50051', 'unix:/run/gobgp.sock'],
  instanceId: 7,
  caFile: '/etc/kapkan/ca.pem',
  path: '/etc/kapkan/state',
  isGobgpKnown: true,
  isStorageKnown: true,
};

function shortOf(text: string) {
  const { dryRun, gobgp, isGobgpKnown, storage, isStorageKnown } = parseWithdrawConfig(text, FILE);
  const { addresses, instanceId, tls } = gobgp;
  return { dryRun, addresses, instanceId, caFile: tls?.caFile, path: storage.path, isGobgpKnown, isStorageKnown };
}

test('of a valid config its parts are those of the daemon, whatever the environment lacks', () => {
  assert.deepEqual(shortOf(VALID), EXPECTED);
  const secrets = `${VALID}api: { token_env: NOBODY }\nnotify: { telegram: { token_env: NOBODY, chat_id: 1 } }\n`;
  assert.deepEqual(shortOf(secrets), EXPECTED);
  assert.equal(partsOf(secrets).isValid, true);
  const minimal = partsOf(MINIMAL);
  assert.deepEqual([minimal.dryRun, minimal.isGobgpKnown, minimal.isStorageKnown], [true, true, true]);
});

test('everything else may be wrong', () => {
  const wrong = {
    'a wrong value': PARTS.replace(/^/, 'networks: 7\n'),
    'nothing else at all': PARTS,
    'an unknown key': `${VALID}netwroks: []\n`,
    'a key given twice': `${VALID}networks: []\n`,
    'a tag': `${VALID}tenant: !!str x\n`,
    'a directive': `%YAML 1.1\n---\n${VALID}`,
    'a tab': `listen:\n\tnetflow: 1\n${PARTS}`,
    'a quote that does not end': `${PARTS}tenant: "x\nnetworks: [1]\n`,
    'a bracket that does not end, before': `networks: [192.0.2.0/24\n${PARTS}`,
    'a bracket that does not end, behind': `${PARTS}networks: [192.0.2.0/24\n`,
    'a line without meaning': `${MINIMAL}<<<<<<< HEAD\n${PARTS}=======\n>>>>>>> theirs\n`,
    'a colon missing': `networks\n${PARTS}`,
    'a NUL byte': `${PARTS}tenant: \u0000\n`,
    'an alias to nothing': `${PARTS}networks: *n\n`,
    'too many aliases': `${PARTS}networks: [&a 192.0.2.1${',*a'.repeat(101)}]\n`,
    'deep nesting': `${PARTS}networks: ${'['.repeat(50_000)}\n`,
    'a second document': `${PARTS}---\nnetworks: []\n`,
    'lines of another system': `networks: [\r\n${PARTS.replaceAll('\n', '\r\n')}`,
    'one flow mapping': JSON.stringify({
      networks: 7,
      dry_run: false,
      gobgp: { address: EXPECTED.addresses, instance_id: 7, tls: { ca_file: 'ca.pem' } },
      storage: { path: 'state' },
    }),
    'keys in quotes': `${PARTS.replace('gobgp', '"gobgp"').replace('storage', "'storage'")}networks: [\n`,
    'a storage that is otherwise wrong': PARTS.replace('retention_days: 3', 'retention_days: x'),
  };
  for (const [name, text] of Object.entries(wrong)) {
    assert.deepEqual(shortOf(text), EXPECTED, name);
    assert.equal(partsOf(text).isValid, false, name);
  }
});

test('how GoBGP is called may be wrong, which routes are meant may not', () => {
  for (const harmless of ['timeout_seconds: 0', 'api: v5', 'api: v5\n  timeout_seconds: "5"']) {
    assert.deepEqual(shortOf(PARTS.replace('instance_id: 7', `instance_id: 7\n  ${harmless}`)), EXPECTED, harmless);
  }
  for (const text of [
    PARTS.replace('instance_id: 7', 'instance_id: -1'),
    PARTS.replace('instance_id: 7', 'instance_id: 010'),
    PARTS.replace('instance_id: 7', 'instance_ip: 7'),
    PARTS.replace('- 192.0.2.1:50051', '- 192.0.2.1'),
    PARTS.replace('ca_file', 'cafile'),
    PARTS.replace('instance_id', 'instance_id: 7\n  instance_id'),
    PARTS.replace('gobgp:', 'gobgp: ['),
    PARTS.replace('gobgp:', 'gobpg:'),
    `${PARTS}gobgp: { instance_id: 8 }\n`,
    `${MINIMAL}gobgp: 7\n`,
    'networks: 7\n',
    'networks: [\n',
    '- 1\n',
    '',
  ]) {
    assert.equal(shortOf(text).isGobgpKnown, false, text);
  }
});

test('a file that does not say for sure where the state is says so', () => {
  for (const text of [
    PARTS.replace('path: state', 'path: 7'),
    PARTS.replace('path: state', 'pth: state'),
    PARTS.replace('storage:', 'storgae:'),
    PARTS.replace('storage:', 'storage: ['),
    PARTS.replace(/storage:[\s\S]*/, 'networks: ['),
    `${PARTS}storage: { path: other }\n`,
    '- 1\n',
    '',
  ]) {
    assert.equal(shortOf(text).isStorageKnown, false, text);
  }
  const absent = shortOf(PARTS.replace(/storage:[\s\S]*/, 'networks: 7\n'));
  assert.deepEqual([absent.path, absent.isStorageKnown], ['/etc/kapkan/kapkan-state', true]);
});

test('only a plain false is live, also in a file that is otherwise wrong', () => {
  for (const written of ['no', 'False', '"false"', '!!bool "false"', '*x', '&x false', '[', '']) {
    assert.equal(shortOf(PARTS.replace('dry_run: false', `dry_run: ${written}`)).dryRun, true, written);
    assert.equal(
      shortOf(`networks: [\n${PARTS.replace('dry_run: false', `dry_run: ${written}`)}`).dryRun,
      true,
      written,
    );
  }
  assert.equal(shortOf(`${PARTS}dry_run: false\n`).dryRun, true);
  assert.equal(shortOf(PARTS.replace('dry_run: false\n', 'networks: [\n')).dryRun, true);
});

test('the problems of the whole file come along, at their lines', () => {
  const { problems } = parseWithdrawConfig(`networks: 7\n${PARTS.replace('instance_id: 7', 'instance_id: -1')}`, FILE);
  const places = problems.map(({ line, path }) => `${line} ${path}`);
  assert.ok(places.includes('1 networks') && places.includes('10 gobgp.instance_id'), places.join('; '));
});
