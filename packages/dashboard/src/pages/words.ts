/** A number with thin spaces between thousands. */
export const count = (value: number): string => value.toLocaleString('en-US').replaceAll(',', '\u202f')

/** A number, or a dash where it is unknown. */
export const known = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : count(value)

/** Seconds in readable form: `340 ms`, `2.4 s`, `5 min`, `3 h`. */
export function seconds(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size < 0.0005) return '0 ms'
  if (size < 1) return `${Math.round(value * 1000)} ms`
  if (size < 10) return `${value.toFixed(1)} s`
  if (size < 90) return `${Math.round(value)} s`
  if (size < 5400) return `${Math.round(value / 60)} min`
  if (size < 129_600) return `${Math.round(value / 3600)} h`
  return `${Math.round(value / 86_400)} d`
}

/** How long a task ran: as its worker says, which tells it of success alone, or from its last start to its end. */
export function ranOf(task: {
  readonly runtime: number | null
  readonly startedMs: number | null
  readonly endedMs: number | null
}): number | null {
  const { runtime, startedMs, endedMs } = task
  if (runtime !== null || startedMs === null || endedMs === null || endedMs < startedMs) return runtime
  return (endedMs - startedMs) / 1000
}

/** A time relative to now: `3 min ago`, `in 2 h`. */
export function ago(ms: number, nowMs: number): string {
  const away = (nowMs - ms) / 1000
  if (Math.abs(away) < 1) return 'now'
  return away > 0 ? `${seconds(away)} ago` : `in ${seconds(-away)}`
}

/** `2026-11-29 23:59:07`, in UTC. */
export const stamp = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')

/** A text truncated to a length. */
export const short = (text: string, most = 80): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text

/** Pretty-prints lossless JSON; other text is unchanged. */
export function laidOut(text: string): string {
  let depth = 0
  let out = ''
  let isText = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? ''
    if (isText) {
      out += char
      if (char === '\\') out += text[++at] ?? ''
      else if (char === '"') isText = false
    } else if (char === '"') {
      isText = true
      out += char
    } else if (char === '{' || char === '[') {
      const isEmpty = /^\s*[\]}]/.test(text.slice(at + 1))
      out += char
      if (!isEmpty) out += `\n${'  '.repeat(++depth)}`
      else depth++
    } else if (char === '}' || char === ']') {
      depth = Math.max(0, depth - 1)
      out += /[[{]$/.test(out) ? char : `\n${'  '.repeat(depth)}${char}`
    } else if (char === ',') out += `,\n${'  '.repeat(depth)}`
    else if (char === ':') out += ': '
    else if (!/\s/.test(char)) out += char
  }
  return out
}
