/*
 * Who a notification is addressed to, as the channels and the routes write it.
 */
import * as z from 'zod';
import { text } from '../../fields.ts';

/** Enough to find a name in place of an address; the mail server decides about the rest. */
export function mailbox() {
  return text(
    'a mail address, such as noc@example.net or "NOC <noc@example.net>"',
    /^([^<>\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/,
    320,
  );
}

export function chatId() {
  const error = 'must be the number of a chat, or "@" and the name of a channel';
  return z.union([z.int({ error }), z.string({ error }).regex(/^(-?\d{1,20}|@\w{1,64})$/, { error })], { error });
}
