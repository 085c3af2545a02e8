const FIFO = '.fifo'

/** Whether a queue keeps order, which its name says. */
export const isFifo = (name: string): boolean => name.endsWith(FIFO)

/**
 * A queue's name in SQS, as kombu makes it: `.` becomes `-`, every other ASCII punctuation but `-` and `_` becomes `_`, and the suffix
 * `.fifo` stays.
 */
export function entityName(name: string): string {
  if (isFifo(name)) return `${translated(name.slice(0, -FIFO.length))}${FIFO}`
  return translated(name)
}

const translated = (name: string): string => name.replaceAll('.', '-').replace(/[!-,/:-@[-^`{-~]/g, '_')
