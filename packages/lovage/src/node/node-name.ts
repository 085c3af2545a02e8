import { hostname as machineName } from 'node:os'
import { ConfigurationError } from '../kernel/index.js'

/** The values of a template's escapes. */
export interface NameParts {
  /** The host name with its domain. Default: this machine's. */
  readonly host?: string
  /** The part before the `@`. Default: the host name without its domain. */
  readonly name?: string
  /** The pool child's number; 0 = the worker itself. */
  readonly child?: number
}

/**
 * Celery's escapes in node names and file names: `%h` host, `%d` its domain, `%n` the name (in `-n` the host without its domain), `%i`
 * number of the pool's child, `%I` the same after a dash and nothing for the worker itself, `%%` a percent sign.
 */
export function expandName(template: string, parts: NameParts = {}): string {
  const host = parts.host ?? machineName()
  const dot = host.indexOf('.')
  const child = parts.child ?? 0
  const values: Readonly<Record<string, string>> = {
    h: host,
    n: parts.name ?? (dot < 0 ? host : host.slice(0, dot)),
    d: dot < 0 ? '' : host.slice(dot + 1),
    i: String(child),
    I: child === 0 ? '' : `-${child}`,
    '%': '%',
  }
  return template.replace(/%([hndiI%])/g, (whole, letter: string) => values[letter] ?? whole)
}

/**
 * The full name of a node from the value of `-n`: `a@%h`; a bare host gets the name `celery`, as in Celery.
 * @throws {ConfigurationError} LVG_USAGE for a name that would place files outside their folder, or break lines.
 */
export function nodeNameFrom(template: string | undefined, host = machineName()): string {
  const given = template ?? 'celery@%h'
  const name = expandName(given.includes('@') ? given : `celery@${given}`, { host })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused.
  if (/[/\\\u0000-\u001f\u007f]/.test(name) || name.split('@').includes('..'))
    throw new ConfigurationError(
      `${JSON.stringify(name)} is not a valid node name: file names are made from it.`,
      {
        code: 'LVG_USAGE',
        hint: 'Use letters, digits, dots and dashes: -n mail@%h.',
      },
    )
  return name
}

/** A file name for `--logfile` and `--pidfile`, where `%n` and `%h` are the two parts of the node's name. */
export function fileNameFrom(template: string, nodeName: string, child = 0): string {
  const at = nodeName.indexOf('@')
  return expandName(template, { name: nodeName.slice(0, at), host: nodeName.slice(at + 1), child })
}

/** The name of one of several processes started together: `mail-2@box`. */
export function processName(
  nodeName: string,
  place: { readonly index: number; readonly count: number } | undefined,
): string {
  return place === undefined || place.count === 1 ? nodeName : nodeName.replace('@', `-${place.index}@`)
}
