import { Command } from 'commander';
import { readConfiguration, type SettingFlags, withSettings } from '../settings.ts';

export function serveCommand(): Command {
  return withSettings(new Command('serve'))
    .description('run one replica')
    .addHelpText(
      'after',
      '\nEach flag is also a variable (LOGGOS_HTTP) and a key of the file; see: loggos config\n\n' +
        'Example:\n  $ loggos serve --http 127.0.0.1:8080 --data data',
    )
    .action(async (flags: SettingFlags) => {
      const { values } = readConfiguration(flags);
      // Imported late: the other commands start without it.
      const { serve } = await import('../../server/serve.ts');
      process.exitCode = await serve(values);
    });
}
