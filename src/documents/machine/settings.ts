import { settingNames } from './proposal.ts';
import type { Rejection } from './rejection.ts';
import type { Settings } from './types.ts';

export const defaultSettings: Settings = {
  documentBytesMax: 1_048_576,
  keysMax: 10_000,
  depthMax: 100,
  dedupeWindowMs: 86_400_000,
  dedupeEntriesMax: 1_000_000,
};

/** Inclusive. The depth is bounded by what recursion over a document may take of the stack. */
export const settingBounds: Readonly<Record<keyof Settings, { readonly least: number; readonly most: number }>> = {
  documentBytesMax: { least: 1_024, most: 16 * 1_048_576 },
  keysMax: { least: 1, most: 1_000_000 },
  depthMax: { least: 1, most: 500 },
  dedupeWindowMs: { least: 1_000, most: 86_400_000 },
  dedupeEntriesMax: { least: 1, most: 1_000_000 },
};

/** The settings after a change, or why it is refused; all of it or nothing. */
export function changeSettings(present: Settings, change: Partial<Settings>): Settings | Rejection {
  const settings: { -readonly [Name in keyof Settings]: number } = { ...present };
  for (const name of settingNames) {
    const value = change[name];
    if (value === undefined) continue;
    const { least, most } = settingBounds[name];
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      return refuse(name, value, `The setting ${name} is an integer from ${least} to ${most}.`);
    }
    // A window that grew again would count entries that one replica has forgotten and another has not.
    if ((name === 'dedupeWindowMs' || name === 'dedupeEntriesMax') && value > present[name]) {
      return refuse(name, value, `The setting ${name} can only be made smaller; it is ${present[name]}.`);
    }
    settings[name] = value;
  }
  return settings;
}

function refuse(setting: keyof Settings, value: number, message: string): Rejection {
  return { code: 'invalid-parameter', message, facts: { setting, value } };
}
