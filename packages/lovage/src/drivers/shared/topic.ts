const compiled = new Map<string, RegExp>()

/** Patterns come from code and few queues; a program that generates them must not grow the cache forever. */
const MOST_COMPILED = 1000

/**
 * Whether an AMQP topic pattern matches a routing key: words between dots, `*` is one word, `#` any number of them.
 *
 * @example
 * import { matchesTopic } from 'lovage/driver'
 * matchesTopic('eu.#', 'eu.mail.urgent') // true
 */
export function matchesTopic(pattern: string, routingKey: string): boolean {
  if (pattern === '#' || pattern === routingKey) return true
  if (!/[*#]/.test(pattern)) return false
  let expression = compiled.get(pattern)
  if (!expression) {
    if (compiled.size >= MOST_COMPILED) compiled.clear()
    expression = compile(pattern)
    compiled.set(pattern, expression)
  }
  // Every word is preceded by a dot, so that `#` can match zero words anywhere.
  return expression.test(`.${routingKey}`)
}

function compile(pattern: string): RegExp {
  const words = pattern.split('.').map((word) => {
    if (word === '#') return '(?:\\.[^.]*)*'
    if (word === '*') return '\\.[^.]+'
    return `\\.${word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}`
  })
  return new RegExp(`^${words.join('')}$`)
}
