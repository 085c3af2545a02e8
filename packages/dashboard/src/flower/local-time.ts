/** `%Y-%m-%d %H:%M`, and seconds with their fraction. */
const FORM = /^(\d{4})-(\d{1,2})-(\d{1,2}) (\d{1,2}):(\d{1,2})(?::(\d{1,2})\.(\d{1,6}))?$/

/** Reads a time by the clock of this machine, as Python's `strptime` does, with seconds or without; undefined when it is none. */
export function localTime(text: string, hasSeconds: boolean): Date | undefined {
  const found = FORM.exec(text)
  if (!found || (found[6] !== undefined) !== hasSeconds) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
    .slice(1, 7)
    .map((digits) => Number(digits ?? 0))
  const ms = Math.floor(Number((found[7] ?? '').padEnd(6, '0')) / 1000)
  const date = new Date(year, month - 1, day, hour, minute, second, ms)
  // A day or an hour that there is not would be another day.
  const isReal = date.getMonth() === month - 1 && date.getDate() === day
  return isReal && hour < 24 && minute < 60 && second < 60 ? date : undefined
}
