import { hostname } from 'node:os'

/**
 * Expands a worker's name as Celery does: `%h` host with domain, `%n` host without, `%d` domain, `%i` and `%I` the
 * child's number (nothing in the parent), `%%` a percent sign. A name without `@` gets the host behind it.
 */
export function expandNodeName(name: string, host = hostname()): string {
  const dot = host.indexOf('.')
  const values: Readonly<Record<string, string>> = {
    h: host,
    n: dot < 0 ? host : host.slice(0, dot),
    d: dot < 0 ? '' : host.slice(dot + 1),
    i: '',
    I: '',
    '%': '%',
  }
  const expanded = name.replace(/%(.)/g, (whole, letter: string) => values[letter] ?? whole)
  return expanded.includes('@') ? expanded : `${expanded}@${host}`
}
