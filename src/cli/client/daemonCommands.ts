/*
 * `kapkan pause`, `resume`, `reload` and `notify-test`: what an operator asks the daemon as a whole to do.
 */
import type { NotifyTestJson } from '../../api/notifyTestEndpoint.ts';
import { EXIT_FAILED } from '../command.ts';
import { formatTable } from '../terminalOutput.ts';
import { clientCommand } from './clientCommand.ts';

export const reloadCommand = clientCommand({
  name: 'reload',
  synopsis: '',
  help: 'Makes the daemon read its config file again and apply it, either all of it or nothing.\n',
  examples: [''],
  request: (client) => client.post('api/v1/config/reload', {}),
  text: (body) => `Reloaded, ${(body as { dry_run: boolean }).dry_run ? 'dry-run' : 'live'}.\n`,
  malformed: EXIT_FAILED,
});

export const pauseCommand = clientCommand({
  name: 'pause',
  synopsis: '',
  help: `Withdraws every route of Kapkan from GoBGP and announces none until "kapkan resume", also over a restart.
Detection, bans and notifications continue.
`,
  examples: [''],
  request: (client) => client.post('api/v1/pause', {}),
  text: (body) => {
    const { since, by } = body as { since: string; by: string };
    return `Paused since ${since} by ${by}: every route is withdrawn, none is announced until "kapkan resume".\n`;
  },
});

export const resumeCommand = clientCommand({
  name: 'resume',
  synopsis: '',
  help: 'Ends a pause: announces the routes of all active bans again.\n',
  examples: [''],
  request: (client) => client.post('api/v1/resume', {}),
  text: () => 'Resumed: the routes of active bans are announced.\n',
});

export const notifyTestCommand = clientCommand({
  name: 'notify-test',
  synopsis: '',
  help: `Sends a test notification through every channel; each is tried once. The exit code is 1 where one was not
delivered.
`,
  examples: [''],
  request: (client) => client.post('api/v1/notify/test', {}),
  text: (body) => notifyTestText(body as NotifyTestJson),
  failed: (body) => {
    const { results } = body as NotifyTestJson;
    return results.length === 0 || results.some(({ delivered }) => !delivered);
  },
});

function notifyTestText({ results }: NotifyTestJson): string {
  if (results.length === 0) return 'No channel is configured, so nobody is notified.\n';
  return formatTable(
    [{ title: 'CHANNEL' }, { title: 'DELIVERED' }, { title: 'ERROR' }],
    results.map(({ channel, delivered, error }) => [channel, delivered ? 'yes' : 'no', error ?? '']),
  );
}
