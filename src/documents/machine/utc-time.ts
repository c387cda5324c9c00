/** The last millisecond of the year 9999: later ones have no RFC 3339 text. */
export const timeMax = 253_402_300_799_999;

const dayMs = 86_400_000;
/** Of a calendar that repeats every 400 years. */
const eraDays = 146_097;
/** From 1 March of the year 0 to 1 January 1970. */
const epochDays = 719_468;

let printedTime = 0;
let printedText = '1970-01-01T00:00:00.000Z';

/**
 * RFC 3339 in UTC with milliseconds. All events of an instance, and all answers about them, show one time: the last
 * text is kept.
 * @param time - milliseconds since 1970, an integer from 0 to `timeMax`
 */
export function printTime(time: number): string {
  if (time !== printedTime) {
    printedText = textOf(time);
    printedTime = time;
  }
  return printedText;
}

function textOf(time: number): string {
  const days = Math.floor(time / dayMs);
  const [year, month, day] = civilDate(days);
  const ms = time - days * dayMs;
  const date = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
  const hour = Math.floor(ms / 3_600_000);
  const minute = Math.floor(ms / 60_000) % 60;
  const second = Math.floor(ms / 1_000) % 60;
  return `${date}T${digits(hour, 2)}:${digits(minute, 2)}:${digits(second, 2)}.${digits(ms % 1_000, 3)}Z`;
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * Milliseconds since 1970 of an RFC 3339 time with any offset; what is finer than a millisecond is cut. Undefined for
 * anything else, for dates that no calendar has, for leap seconds and before 1970.
 */
export function parseTime(text: string): number | undefined {
  const parts = rfc3339.exec(text);
  if (parts === null) return undefined;
  const part = (index: number) => Number(parts[index] ?? 0);
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  if (hour > 23 || minute > 59 || second > 59 || part(9) > 23 || part(10) > 59) return undefined;
  const days = daysFromCivil(year, month, day);
  const [backYear, backMonth, backDay] = civilDate(days);
  if (backYear !== year || backMonth !== month || backDay !== day) return undefined;
  const ms = Number((parts[7] ?? '').slice(0, 3).padEnd(3, '0'));
  const offset = (parts[8] === '-' ? -1 : 1) * (part(9) * 60 + part(10)) * 60_000;
  const time = days * dayMs + hour * 3_600_000 + minute * 60_000 + second * 1_000 + ms - offset;
  return time >= 0 && time <= timeMax ? time : undefined;
}

/**
 * Year, month and day of a day since 1970. The year is counted from 1 March, so that a leap day is its last.
 * @see Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"
 */
function civilDate(sinceEpoch: number): readonly [number, number, number] {
  const days = sinceEpoch + epochDays;
  const era = Math.floor(days / eraDays);
  const dayOfEra = days - era * eraDays;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
}

function daysFromCivil(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const shiftedMonth = month > 2 ? month - 3 : month + 9;
  const dayOfYear = Math.floor((153 * shiftedMonth + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * eraDays + dayOfEra - epochDays;
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
