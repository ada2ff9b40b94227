/*
 * Mail over SMTP (RFC 5321), with STARTTLS (RFC 3207) or TLS from the start (RFC 8314).
 *
 *   credentials, or require_tls    TLS is required, and the server's certificate is checked
 *   neither                        TLS if the server offers it, without a check of the certificate; else plain text, with
 *                                  a warning in the log if the server is on another machine
 *
 * The certificate of a server on this machine is checked only with `ca_file`: nobody else can answer on loopback.
 */
import { readFileSync } from 'node:fs';
import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import { type EmailConfig, IMPLICIT_TLS_PORT } from '../config/sections/notify/email.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { isLoopback } from '../net/address.ts';
import { type Channel, DeliveryError, type Message } from './channel.ts';
import { messageText } from './messageText.ts';

/** Mail is slower than HTTP because of greylisting and scanners. */
const TIMEOUT_MS = 30_000;

/** Loaded with the first mail, because most configs send none. */
async function loadNodemailer() {
  const [composer, connection] = await Promise.all([
    import('nodemailer/lib/mail-composer'),
    import('nodemailer/lib/smtp-connection'),
  ]);
  return { MailComposer: composer.default, SMTPConnection: connection.default };
}

type Nodemailer = Awaited<ReturnType<typeof loadNodemailer>>;

export class EmailChannel implements Channel {
  readonly name = 'email';
  readonly audience = 'people';
  readonly timeoutMs = TIMEOUT_MS;
  readonly #config: EmailConfig;
  readonly #log: Logger;

  constructor(config: EmailConfig, log: Logger) {
    this.#config = config;
    this.#log = log;
  }

  async deliver(message: Message, signal: AbortSignal): Promise<void> {
    const { MailComposer, SMTPConnection } = await loadNodemailer();
    const mail = this.#mail(MailComposer, message);
    const content = await mail.build();
    const connection = new SMTPConnection(this.#connectionOptions());
    // Closing the connection only emits `end`, so the signal has to reject the promise itself.
    const ended = Promise.withResolvers<never>();
    ended.promise.catch(() => undefined);
    const giveUp = (): void => {
      connection.close();
      ended.reject(new DeliveryError(`${this.#config.host} did not answer in time`, true));
    };
    connection.on('error', (error: Error) => ended.reject(this.#failure(error)));
    connection.on('end', () => ended.reject(new DeliveryError(`${this.#config.host} closed the connection`, true)));
    signal.addEventListener('abort', giveUp);
    try {
      if (signal.aborted) giveUp();
      else await Promise.race([this.#converse(connection, mail.getEnvelope(), content), ended.promise]);
    } finally {
      signal.removeEventListener('abort', giveUp);
      connection.close();
    }
    if (signal.aborted) await ended.promise;
  }

  #mail(MailComposer: Nodemailer['MailComposer'], { notifications, consoleUrl }: Message) {
    const { subject, lines } = messageText({ notifications, consoleUrl });
    const { from, to } = this.#config;
    return new MailComposer({
      from,
      to: [...to],
      subject,
      text: `${subject}\n\n${lines.join('\n')}\n`,
      // RFC 3834: automatic replies are not wanted.
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Kapkan-Event': notifications[0].event },
    }).compile();
  }

  async #converse(
    connection: SMTPConnection,
    envelope: { from: string | false; to: string[] },
    content: Buffer,
  ): Promise<void> {
    const { credentials, host, port, requireTls } = this.#config;
    await this.#step((done) => connection.connect(done));
    if (!connection.secure) {
      if (requireTls) throw new DeliveryError(`${host} offers no TLS, which is required`, false);
      if (!isLoopback(host)) {
        this.#log.warn(
          { channel: 'email', host, port },
          'mail is sent in PLAIN TEXT over the network; set require_tls',
        );
      }
    }
    if (credentials !== undefined) {
      const { username, password } = credentials;
      await this.#step((done) => connection.login({ user: username, pass: password }, done));
    }
    await this.#step((done) =>
      connection.send(envelope, content, (error, info) => {
        const rejected = info?.rejected ?? [];
        // The other recipients have it. A retry would send it to them twice.
        if (rejected.length > 0)
          this.#log.error({ channel: 'email', host, rejected }, 'the mail server refused some recipients');
        done(error);
      }),
    );
    connection.quit();
  }

  #connectionOptions() {
    const { host, port, requireTls, caFile } = this.#config;
    const secure = port === IMPLICIT_TLS_PORT;
    const isVerified = caFile !== undefined || ((requireTls || secure) && !isLoopback(host));
    return {
      host,
      port,
      secure,
      requireTLS: requireTls && !secure,
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      tls: { rejectUnauthorized: isVerified, ca: caFile === undefined ? undefined : this.#readCa(caFile) },
    };
  }

  #readCa(file: string): Buffer {
    try {
      return readFileSync(file);
    } catch (error) {
      throw new DeliveryError(`ca_file cannot be read: ${messageOf(error)}`, true);
    }
  }

  #step(start: (done: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      start((error) => {
        if (error === undefined || error === null) resolve();
        else reject(this.#failure(error));
      });
    });
  }

  /** RFC 5321 §4.2.1: 5yz is permanent. Wrong credentials and missing TLS are permanent until somebody changes them. */
  #failure(error: Error): DeliveryError {
    const { code, responseCode } = error as Error & { code?: string; responseCode?: number };
    const isFinal = responseCode === undefined ? code === 'EAUTH' || code === 'ETLS' : responseCode >= 500;
    return new DeliveryError(`${this.#config.host}: ${messageOf(error)}`, !isFinal);
  }
}
