import type { IncomingMessage } from 'node:http';
import { requestHeaders } from '../api/headers.ts';
import { durationText, positionText } from '../api/scalars.ts';
import type { Database, Deadline } from './database.ts';
import type { HttpServices } from './http-services.ts';
import { checkHistory, statedHistory } from './positions.ts';
import { invalidParameter } from './refusal.ts';

/** Until when a request may wait: the default, or what `Loggos-Deadline` says. */
export function deadlineOf(request: IncomingMessage, services: HttpServices): Deadline {
  const text = request.headers[requestHeaders.deadline];
  const { deadlineMs, deadlineMsMax } = services.settings;
  if (text === undefined) return services.clock.monotonic() + deadlineMs;
  const parsed = durationText.safeParse(text);
  if (!parsed.success) {
    const most = `more than ${deadlineMsMax / 1_000}s is taken as ${deadlineMsMax / 1_000}s`;
    const words = `Loggos-Deadline is a whole number with its unit, ms, s or m, such as 500ms or 2s; ${most}`;
    throw invalidParameter('Loggos-Deadline', words);
  }
  return services.clock.monotonic() + Math.min(parsed.data, deadlineMsMax);
}

/** What of a read's query says how fresh the answer must be. */
export interface Freshness {
  readonly consistency?: 'linearizable' | 'lease' | 'local' | undefined;
}

/**
 * Waits until a read may be answered: linearizable unless `consistency=local`, and not before `Loggos-Min-Position`.
 * @throws LoggosError `no-leader`, `position-not-reached`, `history-diverged`
 */
export async function readable(
  request: IncomingMessage,
  database: Database,
  services: HttpServices,
  freshness: Freshness,
): Promise<Deadline> {
  const deadline = deadlineOf(request, services);
  if (freshness.consistency !== 'local') await database.linearizable(deadline);
  const text = request.headers[requestHeaders.minPosition];
  if (text === undefined) return deadline;
  const parsed = positionText.safeParse(text);
  if (!parsed.success) throw invalidParameter('Loggos-Min-Position', 'Loggos-Min-Position is a position');
  checkHistory(database.read.histories, statedHistory(request.headers), parsed.data);
  await database.reached(parsed.data, deadline);
  return deadline;
}
