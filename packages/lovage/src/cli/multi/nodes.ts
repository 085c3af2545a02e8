import { resolve } from 'node:path'
import { fileNameFrom, nodeNameFrom } from '../../node/index.js'
import type { MultiLine } from './parse.js'

/** A node of `multi`. */
export interface MultiNode {
  /** `name@host`. */
  readonly name: string
  readonly pidFile: string
  /** Its command line after `lovage`. */
  readonly argv: readonly string[]
}

/** The nodes of a command line; pid and log files are in this folder unless set otherwise. */
export function nodesOf({ nodes, common, own }: MultiLine, globals: readonly string[]): readonly MultiNode[] {
  return nodes.map((given) => {
    const options = [...common, ...(own.get(given) ?? [])]
    const name = nodeNameFrom(given.includes('@') ? given : `${given}@%h`)
    const pidFile = lastValue(options, '--pidfile') ?? '%n.pid'
    const logFile = lastValue(options, '--logfile', '-f')
    const workdir = lastValue([...globals, ...options], '--workdir') ?? '.'
    return {
      name,
      pidFile: resolve(workdir, fileNameFrom(pidFile, name)),
      argv: [
        ...globals,
        'worker',
        '--detach',
        ...options,
        '-n',
        name,
        ...(lastValue(options, '--pidfile') === undefined ? ['--pidfile', pidFile] : []),
        ...(logFile === undefined ? ['--logfile', '%n%I.log'] : []),
      ],
    }
  })
}

/** The last value of an option on a command line. */
function lastValue(options: readonly string[], ...names: readonly string[]): string | undefined {
  let value: string | undefined
  for (const [place, option] of options.entries()) {
    const [name = '', ...rest] = option.split('=')
    if (!names.includes(name)) continue
    value = rest.length > 0 ? rest.join('=') : options[place + 1]
  }
  return value
}
