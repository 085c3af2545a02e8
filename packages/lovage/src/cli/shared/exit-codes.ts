import { type ErrorCode, isLovageError } from '../../kernel/index.js'

/** Exit codes: those of sysexits.h that Celery uses. */
export const EXIT = { ok: 0, failed: 1, usage: 64, unavailable: 69, configuration: 78 } as const

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (!isLovageError(error)) return EXIT.failed
  if (USAGE.has(error.code)) return EXIT.usage
  if (/^LVG_CONNECTION|^LVG_STORE_(LOCKED|FULL)/.test(error.code)) return EXIT.unavailable
  return CONFIGURATION.test(error.code) ? EXIT.configuration : EXIT.failed
}

const USAGE: ReadonlySet<ErrorCode> = new Set(['LVG_USAGE'])
const CONFIGURATION = /^LVG_(CONFIG|APP|MODULE_NOT|DRIVER|CAPABILITY|QUEUE|SCHEDULE|STORE|ALREADY)/
