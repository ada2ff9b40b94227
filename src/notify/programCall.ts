/*
 * What a notify program is called with, in each format of `notify.exec.format`.
 *
 * Scripts written for FastNetMon announce routes themselves. So `ban` and `unban` are used only where Kapkan announced or
 * withdrew a real route. Everything else is `attack_details`, which only informs, and so is everything in dry-run.
 */
import type { Message } from './channel.ts';
import { messageText } from './messageText.ts';
import { type Notification, notificationPayload } from './notification.ts';

/** The arguments and the input of a program. */
export interface ProgramCall {
  readonly args: readonly string[];
  readonly stdin: string;
}

/** `EVENT`, with the payload as one line of JSON on stdin. */
export function kapkanCall({ notifications: [notification] }: Message): ProgramCall {
  return { args: [notification.event], stdin: `${JSON.stringify(notificationPayload(notification))}\n` };
}

/** `IP DIRECTION PPS ACTION`, with a summary on stdin. */
export function fastnetmonCall(message: Message): ProgramCall {
  const [notification] = message.notifications;
  const { subject, lines } = messageText(message);
  const pps = String(Math.round(notification.attack?.pps ?? 0));
  return {
    args: [notification.target, 'incoming', pps, actionOf(notification)],
    stdin: `${subject}\n\n${lines.join('\n')}\n`,
  };
}

/** `ban` when GoBGP has the routes and a peer got them, `unban` when a ban that was announced ends. */
function actionOf({ event, failure, dryRun }: Notification): 'ban' | 'unban' | 'attack_details' {
  if (dryRun) return 'attack_details';
  if (event === 'ban_announced') return 'ban';
  return event === 'ban_ended' || failure === 'ended' ? 'unban' : 'attack_details';
}
