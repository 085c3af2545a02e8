/** The wait requested by `Retry-After`, in milliseconds: whole seconds, or an HTTP date. null for neither; 0 for a date in the past. */
export function retryAfterMs(text: string | null, nowMs: number): number | null {
  if (text === null) return null
  const trimmed = text.trim()
  if (/^\d{1,10}$/.test(trimmed)) return Number(trimmed) * 1000
  // Date.parse accepts much that is not an HTTP date, such as `1`: all three forms of RFC 9110 begin with the day of the week.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(trimmed)) return null
  const ms = Date.parse(/GMT$/.test(trimmed) ? trimmed : `${trimmed} GMT`)
  return Number.isNaN(ms) ? null : Math.max(0, ms - nowMs)
}
