import type { Logger } from '../../../kernel/index.js'
import { fieldsToWire } from '../wire/fields-wire.js'
import type { FromChild } from '../wire/frames.js'

type Line = Extract<FromChild, { kind: 'log' }>
const LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** Sends log lines to the parent, which writes them among its own: one file, one order, one format. */
export function relayLogger(
  send: (line: Line) => void,
  lowest: Line['level'],
  bindings: Readonly<Record<string, unknown>> = {},
): Logger {
  const isOn = (level: Line['level']): boolean => LEVELS.indexOf(level) >= LEVELS.indexOf(lowest)
  const at =
    (level: Line['level']) =>
    (fields: object, message: string): void => {
      if (isOn(level)) send({ kind: 'log', level, fields: fieldsToWire({ ...bindings, ...fields }), message })
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => relayLogger(send, lowest, { ...bindings, ...more }),
    isLevelEnabled: (level) => LEVELS.some((known) => known === level && isOn(known)),
  }
}
