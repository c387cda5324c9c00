import { type Command, Option } from 'commander';
import { Client } from '../client/client.ts';
import { serverAddress } from './input.ts';

/** Options of every command that talks to a server. */
export interface ConnectionOptions {
  readonly url: string;
  readonly database: string;
  /** The command says what it means. */
  readonly json?: boolean;
}

export function withConnection(command: Command): Command {
  return command
    .addOption(
      new Option('--url <url>', 'where the server is')
        .env('LOGGOS_URL')
        .default('http://127.0.0.1:8080')
        .argParser(serverAddress),
    )
    .addOption(new Option('--database <name>', 'which database').env('LOGGOS_DATABASE').default('main'));
}

export function connect({ url, database }: ConnectionOptions): Client {
  return new Client({ url, database });
}
