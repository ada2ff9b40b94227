/*
 * A channel whose attempts end as a test says, and that keeps the messages.
 */
import { type Channel, DeliveryError, type Message } from '../../src/notify/channel.ts';

export class FakeChannel implements Channel {
  readonly name;
  readonly audience;
  readonly timeoutMs = 10_000;
  /** The message of each attempt. */
  readonly attempts: Message[] = [];
  /** How the next attempts end, in order. Further attempts succeed. */
  outcomes: ('ok' | 'later' | 'never' | 'hangs')[] = [];
  /** How every attempt ends, if set. */
  always: 'ok' | 'later' | 'never' | 'hangs' | undefined;

  constructor(name: Channel['name'] = 'webhook', audience: Channel['audience'] = 'programs') {
    this.name = name;
    this.audience = audience;
  }

  deliver(message: Message, signal: AbortSignal): Promise<void> {
    this.attempts.push(message);
    switch (this.always ?? this.outcomes.shift() ?? 'ok') {
      case 'ok':
        return Promise.resolve();
      case 'later':
        return Promise.reject(new DeliveryError('busy', true));
      case 'never':
        return Promise.reject(new DeliveryError('refused', false));
      case 'hangs':
        return new Promise((_resolve, reject) => {
          const giveUp = (): void => reject(new DeliveryError('too slow', true));
          if (signal.aborted) giveUp();
          else signal.addEventListener('abort', giveUp);
        });
    }
  }

  /** The target of each attempt. */
  get targets(): string[] {
    return this.attempts.map(({ notifications }) => notifications[0].target);
  }
}
