/*
 * Calls a notify script as FastNetMon does: `IP DIRECTION PPS ACTION`, with a summary on stdin.
 *
 * Such scripts announce routes themselves. So `ban` and `unban` are used only where Kapkan announced or withdrew a real
 * route. Everything else is `attack_details`, which only informs, and so is everything in dry-run.
 */
import type { Message } from './channel.ts';
import type { ProgramCall } from './execChannel.ts';
import { messageText } from './messageText.ts';
import type { Notification } from './notification.ts';

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
