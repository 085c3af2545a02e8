import { ConfigurationError } from '../kernel/index.js'

/**
 * Whether this machine's zone data has a time zone.
 *
 * @example
 * import { isTimeZone } from 'lovage'
 * isTimeZone('Asia/Tokyo') // true
 */
export function isTimeZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
    return true
  } catch {
    return false
  }
}

/**
 * Returns `timeZone` if this machine's zone data has it; otherwise throws a ConfigurationError.
 *
 * @example
 * import { checkTimeZone } from 'lovage'
 * checkTimeZone('Europe/Berlin') // throws for Europe/Berlni
 */
export function checkTimeZone(timeZone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
    return timeZone
  } catch (cause) {
    throw new ConfigurationError(`Unknown time zone '${timeZone}'.`, {
      code: 'LVG_SCHEDULE_INVALID',
      details: { timeZone },
      hint: "Use an IANA name such as 'Europe/Berlin' or 'UTC'; a fixed offset is written 'Etc/GMT-2' for UTC+2.",
      cause,
    })
  }
}
