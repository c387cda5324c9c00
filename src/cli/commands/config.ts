import { Command } from 'commander';
import { settingList } from '../../server/configuration.ts';
import { printRows } from '../output.ts';
import { readConfiguration, type SettingFlags, withSettings } from '../settings.ts';

export function configCommand(): Command {
  return withSettings(new Command('config'))
    .description('show each setting of serve, its value and where it came from')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  $ LOGGOS_HTTP=127.0.0.1:9090 loggos config')
    .action((flags: SettingFlags & { readonly json?: boolean }) => {
      const { texts, origins } = readConfiguration(flags);
      const rows = settingList.map(({ name, flag, description }) => ({
        setting: name,
        value: texts[name],
        origin: origins[name],
        flag,
        description,
      }));
      const columns = [
        { title: 'SETTING', of: (row: (typeof rows)[number]) => row.setting },
        { title: 'VALUE', of: (row: (typeof rows)[number]) => row.value },
        { title: 'FROM', of: (row: (typeof rows)[number]) => row.origin },
      ];
      printRows(rows, columns, flags);
    });
}
