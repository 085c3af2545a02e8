import type { Command } from 'commander'
import { ConfigurationError } from '../../kernel/index.js'

/** A parsed `multi` command line. */
export interface MultiLine {
  readonly action: string
  /** Names as given, or `celery1` … for a number. */
  readonly nodes: readonly string[]
  /** Options for every node. */
  readonly common: readonly string[]
  /** Options of single nodes: `-c:1 3`, `-Q:mail,web low`, `--concurrency:2-4=5`. */
  readonly own: ReadonlyMap<string, readonly string[]>
  /** `-9`, `-KILL`, `-SIGQUIT`. */
  readonly signal: NodeJS.Signals | number | undefined
}

const SIGNAL = /^-(?:(\d+)|(?:SIG)?([A-Z][A-Z0-9]{2,}))$/
const OWN = /^(-[A-Za-z]|--[a-z][a-z_-]*):([^=]+)(?:=(.*))?$/

/** Parses a command line: anything that is not an option or an option's value names a node. */
export function parseMulti(tokens: readonly string[], worker: Command, program: Command): MultiLine {
  const [action = '', ...rest] = tokens
  const takesValue = valueTakers(worker, program)
  const names: string[] = []
  const common: string[] = []
  const own: { readonly whom: string; readonly option: readonly string[] }[] = []
  let signal: MultiLine['signal']
  for (let place = 0; place < rest.length; place++) {
    const token = rest[place] ?? ''
    const next = (): readonly string[] => (place + 1 < rest.length ? [rest[++place] ?? ''] : [])
    const [, number, name] = SIGNAL.exec(token) ?? []
    const [, option, whom, value] = OWN.exec(token) ?? []
    if (number !== undefined) signal = Number(number)
    // The pattern matches a signal's name; `kill` refuses an unknown one.
    else if (name !== undefined) signal = `SIG${name}` as NodeJS.Signals
    else if (option !== undefined && whom !== undefined) {
      const values = value === undefined && takesValue(option) ? next() : value === undefined ? [] : [value]
      own.push({ whom, option: [option, ...values] })
    } else if (!token.startsWith('-')) names.push(token)
    else common.push(token, ...(takesValue(token) ? next() : []))
  }
  const [count] = names
  const nodes =
    names.length === 1 && count !== undefined && /^\d+$/.test(count)
      ? Array.from({ length: Number(count) }, (_, index) => `celery${index + 1}`)
      : names
  return { action, nodes, common, own: spread(own, nodes), signal }
}

/** Whether an option without `=` takes the next token as its value. */
function valueTakers(...commands: readonly Command[]): (option: string) => boolean {
  const takers = new Set(
    commands.flatMap(({ options }) =>
      options.flatMap(({ required, short, long }) => (required ? [short, long] : [])),
    ),
  )
  return (option) => takers.has(option.startsWith('--') ? option.replaceAll('_', '-') : option)
}

/** The nodes of an option: names, positions from 1, ranges of positions; several separated by commas. */
function spread(
  own: readonly { readonly whom: string; readonly option: readonly string[] }[],
  nodes: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const options = new Map<string, readonly string[]>()
  for (const { whom, option } of own) {
    for (const part of whom.split(',')) {
      const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? []
      const named = from === undefined ? [part] : nodes.slice(Number(from) - 1, Number(to))
      for (const name of named) {
        if (!nodes.includes(name)) {
          throw new ConfigurationError(
            `${option[0]}:${whom} refers to ${name}, but the nodes are ${nodes.join(', ')}.`,
            {
              code: 'LVG_USAGE',
            },
          )
        }
        options.set(name, [...(options.get(name) ?? []), ...option])
      }
    }
  }
  return options
}

/** The command line after `multi`, and the options before it; undefined for another command, or a call for help. */
export function splitMulti(
  argv: readonly string[],
  program: Command,
): { readonly globals: readonly string[]; readonly rest: readonly string[] } | undefined {
  const takesValue = valueTakers(program)
  for (let place = 0; place < argv.length; place++) {
    const token = argv[place] ?? ''
    if (token.startsWith('-')) place += takesValue(token) ? 1 : 0
    else {
      const rest = argv.slice(place + 1)
      const isHelp = rest.length === 0 || rest.includes('--help') || rest.includes('-h')
      return token === 'multi' && !isHelp ? { globals: argv.slice(0, place), rest } : undefined
    }
  }
  return undefined
}
