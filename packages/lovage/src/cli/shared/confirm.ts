import { createInterface } from 'node:readline/promises'
import { ConfigurationError } from '../../kernel/index.js'

/**
 * Asks the user to confirm an irreversible action.
 * @throws {ConfigurationError} LVG_USAGE when standard input is not a terminal, so that no user can answer.
 */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new ConfigurationError('There is nobody to ask whether it is to be removed.', {
      code: 'LVG_USAGE',
      hint: 'Add -f to remove without a question.',
    })
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await terminal.question(`${question} Go on (yes/no)? `)).trim().toLowerCase() === 'yes'
  } finally {
    terminal.close()
  }
}
