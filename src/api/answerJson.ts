/*
 * A value as the JSON body of an answer. koa would make the same of it, but first asks whether it is a `Response`, and
 * that global loads undici (see commonJs.ts).
 */
import type { Context } from 'koa';

export function answerJson(context: Context, value: unknown): void {
  context.type = 'json';
  context.body = JSON.stringify(value);
}
