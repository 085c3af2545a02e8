import { ConfigurationError } from 'lovage'

/** Decides whether a name or an e-mail address is meant. */
export type NamePattern = (name: string) => boolean

/** The characters of an e-mail address's local part that need no quotes. */
const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]*$/

/**
 * Reads a pattern as Flower does: `ada@example.com`, several with `|` between them, or `*@example.com`. There is at most one `*` in each,
 * before the `@`: a domain is always named. Matching takes time linear in the name.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID, which names the option.
 */
export function namePattern(text: string, option: string): NamePattern {
  const parts = text.split('|').map((part) => part.trim())
  const tests = parts.map((part) => {
    const pieces = lowered(part).split('*')
    const [before = '', after = ''] = pieces
    if (part === '' || pieces.length > 2 || (pieces.length === 2 && !/^[^@]*@[^@]+$/.test(after)))
      throw new ConfigurationError(`--${option} cannot be understood at ${JSON.stringify(part)}.`, {
        code: 'LVG_CONFIG_INVALID',
        hint: 'Write ada@example.com, ada@example.com|bob@example.com, or *@example.com; it is no regular expression.',
      })
    return pieces.length === 1
      ? (name: string) => name === before
      : (name: string) =>
          name.length >= before.length + after.length &&
          name.startsWith(before) &&
          name.endsWith(after) &&
          LOCAL.test(name.slice(before.length, name.length - after.length))
  })
  return (name) => {
    const low = lowered(name)
    return tests.some((test) => test(low))
  }
}

/** Lower-cases ASCII alone: other letters have lower cases that are those of another person's address. */
const lowered = (text: string): string => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
