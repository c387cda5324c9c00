import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { LoggosError } from '../base/errors.ts';
import { type ResolvedConfiguration, resolveConfiguration, settingList } from '../server/configuration.ts';

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
  return resolveConfiguration(flags, process.env, typeof path === 'string' ? readFile(path) : undefined);
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new LoggosError('usage', `cannot read the configuration file: ${(error as Error).message}`);
  }
}
