import { createInterface } from 'node:readline'
import { ConfigurationError } from '../../kernel/index.js'

/**
 * Asks the user to confirm an irreversible action: `y` or `yes`, typed or piped (`yes | lovage purge`).
 * @throws {ConfigurationError} LVG_USAGE when standard input ends without an answer.
 */
export async function confirm(question: string): Promise<boolean> {
  process.stderr.write(`${question} Continue (yes/no)? `)
  const lines = createInterface({ input: process.stdin })
  try {
    for await (const line of lines) return /^y(?:es)?$/i.test(line.trim())
  } finally {
    lines.close()
  }
  throw new ConfigurationError('There is no terminal to ask for confirmation.', {
    code: 'LVG_USAGE',
    hint: 'Add -f to remove without confirmation.',
  })
}
