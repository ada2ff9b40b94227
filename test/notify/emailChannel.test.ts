import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { EmailConfig } from '../../src/config/sections/notify/email.ts';
import { DeliveryError, type Message } from '../../src/notify/channel.ts';
import { EmailChannel } from '../../src/notify/emailChannel.ts';
import { notificationOf } from './notifyFixture.ts';

interface Mail {
  readonly to: readonly string[];
  readonly text: string;
  readonly secure: boolean;
  readonly user: string | undefined;
}

interface MailServer {
  readonly port: number;
  readonly mails: Mail[];
  /** All passwords that clients sent. */
  readonly passwords: string[];
}

const MESSAGE: Message = { notifications: [notificationOf()], consoleUrl: 'https://kapkan.example.net' };

async function runMailServer(t: TestContext, options: SMTPServerOptions = {}): Promise<MailServer> {
  const mails: Mail[] = [];
  const passwords: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) => {
      passwords.push(String(password));
      if (password === 'right') done(null, { user: username });
      else done(new Error('no such user'));
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        const { secure, user } = session;
        mails.push({ to, secure, user: user as string | undefined, text: Buffer.concat(chunks).toString() });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { port: (server.server.address() as AddressInfo).port, mails, passwords };
}

interface Sender {
  readonly logLines: string[];
  send(message?: Message): Promise<void>;
}

function senderTo(port: number, config: Partial<EmailConfig> = {}): Sender {
  const logLines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logLines.push(line) });
  const channel = new EmailChannel(
    {
      host: '127.0.0.1',
      port,
      from: 'Kapkan <kapkan@example.net>',
      to: ['noc@example.net', 'Night Shift <night@example.net>'],
      credentials: undefined,
      requireTls: false,
      caFile: undefined,
      ...config,
    },
    log,
  );
  return { logLines, send: (message = MESSAGE) => channel.deliver(message, AbortSignal.timeout(3000)) };
}

const RIGHT = { credentials: { username: 'kapkan', password: 'right' }, requireTls: true };

test('a mail reaches every recipient, over TLS where the server offers it', async (t) => {
  const server = await runMailServer(t);
  await senderTo(server.port).send();
  const [{ to, text, secure }] = server.mails;
  assert.deepEqual(to, ['noc@example.net', 'night@example.net']);
  assert.equal(secure, true);
  assert.match(text, /^Subject: \[Kapkan\] Attack on 203\.0\.113\.7: NTP amplification/m);
  assert.match(text, /^From: Kapkan <kapkan@example\.net>/m);
  assert.match(text, /^Auto-Submitted: auto-generated/m);
  assert.match(text, /^Date: /m);
  assert.match(text, /Victim: 203\.0\.113\.7, group web/);
});

test('credentials are sent over TLS', async (t) => {
  const server = await runMailServer(t, { authOptional: false });
  await senderTo(server.port, RIGHT).send();
  assert.equal(server.mails[0].user, 'kapkan');
  assert.equal(server.mails[0].secure, true);
});

test('a password never goes over a connection without TLS, not even if the server asks for it', async (t) => {
  const server = await runMailServer(t, { disabledCommands: ['STARTTLS'] });
  await assert.rejects(senderTo(server.port, RIGHT).send(), (error) => {
    assert.ok(error instanceof DeliveryError);
    assert.equal(error.retryable, false);
    return true;
  });
  assert.deepEqual(server.passwords, []);
  assert.equal(server.mails.length, 0);
});

test('with require_tls no mail goes in plain text', async (t) => {
  const server = await runMailServer(t, { disabledCommands: ['STARTTLS', 'AUTH'] });
  await assert.rejects(senderTo(server.port, { requireTls: true }).send(), { name: 'DeliveryError', retryable: false });
  assert.equal(server.mails.length, 0);
});

test('with ca_file the server must be signed by it', async (t) => {
  const server = await runMailServer(t);
  const folder = mkdtempSync(path.join(tmpdir(), 'kapkan-ca-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const certificate = (name: string) => path.join(folder, `${name}.pem`);
  for (const name of ['right', 'wrong']) {
    const options = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=127.0.0.1';
    const altName = ['-addext', 'subjectAltName=IP:127.0.0.1'];
    const files = ['-keyout', `${certificate(name)}.key`, '-out', certificate(name)];
    execFileSync('openssl', ['req', ...options.split(' '), ...altName, ...files], { stdio: 'ignore' });
  }
  const signed = await runMailServer(t, {
    key: readFileSync(`${certificate('right')}.key`),
    cert: readFileSync(certificate('right')),
  });
  await senderTo(signed.port, { requireTls: true, caFile: certificate('right') }).send();
  assert.equal(signed.mails.length, 1);
  await assert.rejects(senderTo(signed.port, { requireTls: true, caFile: certificate('wrong') }).send(), {
    name: 'DeliveryError',
  });
  await assert.rejects(senderTo(server.port, { caFile: certificate('right') }).send(), { name: 'DeliveryError' });
  assert.equal(signed.mails.length, 1);
});

test('plain text within this machine is fine, and to another machine it is logged', async (t) => {
  const server = await runMailServer(t, { disabledCommands: ['STARTTLS', 'AUTH'] });
  const local = senderTo(server.port);
  await local.send();
  assert.deepEqual(local.logLines, []);
  // Linux connects 0.0.0.0 to loopback, but the channel looks only at the configured name and takes it for another machine.
  const remote = senderTo(server.port, { host: '0.0.0.0' });
  await remote.send();
  assert.match(remote.logLines[0], /PLAIN TEXT/);
  assert.equal(server.mails.length, 2);
});

test('a permanent refusal is not retried and a temporary one is', async (t) => {
  const wrong = await runMailServer(t, { authOptional: false });
  const credentials = { username: 'kapkan', password: 'wrong' };
  await assert.rejects(senderTo(wrong.port, { ...RIGHT, credentials }).send(), (error) => {
    assert.ok(error instanceof DeliveryError);
    assert.equal(error.retryable, false);
    assert.doesNotMatch(error.message, /wrong/);
    return true;
  });
  for (const [responseCode, retryable] of [
    [450, true],
    [550, false],
  ] as const) {
    const refusing = await runMailServer(t, {
      onRcptTo: (_address, _session, done) => done(Object.assign(new Error('not now'), { responseCode })),
    });
    await assert.rejects(senderTo(refusing.port).send(), { name: 'DeliveryError', retryable });
  }
});

test('a silent, slow or missing server fails in time', async (t) => {
  const silent = await runMailServer(t, { onConnect: () => undefined });
  const stuck = await runMailServer(t, { onData: (stream) => void stream.resume() });
  const gone = await runMailServer(t, { onMailFrom: (_address, session, done) => done(new Error(session.id)) });
  for (const { port } of [silent, stuck]) {
    const began = performance.now();
    await assert.rejects(senderTo(port).send(), { name: 'DeliveryError', retryable: true });
    assert.ok(performance.now() - began < 4000);
  }
  await assert.rejects(senderTo(gone.port).send(), { name: 'DeliveryError' });
  await assert.rejects(senderTo(1).send(), { name: 'DeliveryError', retryable: true });
});

test('a refused recipient does not affect the others', async (t) => {
  const server = await runMailServer(t, {
    onRcptTo: ({ address }, _session, done) => done(address.startsWith('night') ? new Error('unknown') : null),
  });
  const sender = senderTo(server.port);
  await sender.send();
  assert.deepEqual(server.mails[0].to, ['noc@example.net']);
  assert.match(sender.logLines[0], /refused some recipients/);
});

test('no text from an attack or an operator adds a header or a recipient', async (t) => {
  const server = await runMailServer(t);
  const notification = notificationOf({ event: 'ban_rejected', reason: 'x\r\nBcc: evil@example.net\r\n\r\nbody' });
  await senderTo(server.port).send({ ...MESSAGE, notifications: [notification] });
  const [{ to, text }] = server.mails;
  assert.deepEqual(to, ['noc@example.net', 'night@example.net']);
  assert.doesNotMatch(text.slice(0, text.indexOf('\r\n\r\n')), /^Bcc:/im);
});
