import type { Command } from 'commander';
import { type ResolvedConfiguration, resolveConfiguration, settingList } from '../server/configuration.ts';
import { readNamedFile } from './files.ts';

export type SettingFlags = Readonly<Record<string, string | boolean | undefined>>;

/** Makes every setting a flag of the command. */
export function withSettings(command: Command): Command {
  command.option('--config <file>', 'a JSON file of settings; or LOGGOS_CONFIG');
  for (const { flag, argument, description, default: fallback } of settingList) {
    const written =
      fallback === undefined || fallback === '' || argument === undefined ? '' : ` (default: ${fallback})`;
    command.option(argument === undefined ? flag : `${flag} <${argument}>`, `${description}${written}`);
  }
  return command;
}

/** @throws LoggosError `usage` */
export function readConfiguration(flags: SettingFlags): ResolvedConfiguration {
  const path = flags.config ?? process.env.LOGGOS_CONFIG;
  return resolveConfiguration(flags, process.env, typeof path === 'string' ? readNamedFile(path) : undefined);
}
