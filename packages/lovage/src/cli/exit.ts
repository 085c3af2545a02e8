import { isLovageError, messageOf } from '../kernel/index.js'

/** Exit codes; the numbers are those of sysexits.h. */
export const EXIT = { ok: 0, failed: 1, usage: 64, unavailable: 69, configuration: 78 } as const

/** A command that ends with a sentence and an exit code. */
export class CommandError extends Error {
  readonly exitCode: number
  readonly hint: string | undefined

  constructor(message: string, options: { readonly exitCode?: number; readonly hint?: string } = {}) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = options.exitCode ?? EXIT.usage
    this.hint = options.hint
  }
}

/** Says on standard error what went wrong and what to do, and tells the exit code. */
export function reportError(error: unknown): number {
  const hint = isLovageError(error) || error instanceof CommandError ? error.hint : undefined
  process.stderr.write(`lovage: ${messageOf(error)}\n${hint ? `        ${hint}\n` : ''}`)
  if (error instanceof CommandError) return error.exitCode
  if (!isLovageError(error)) {
    if (error instanceof Error && error.stack) process.stderr.write(`${error.stack}\n`)
    return EXIT.failed
  }
  if (/^LVG_(CONFIG|APP|DRIVER)/.test(error.code)) return EXIT.configuration
  return /^LVG_(CONNECTION|STORE)/.test(error.code) ? EXIT.unavailable : EXIT.failed
}
