import { fileURLToPath } from 'node:url'

export { existingSource, isFile, isTypeScript } from './source-files.js'

const REGISTER = new URL('./register.js', import.meta.url)
let isRegistered = false

/** Enables loading TypeScript in this process. */
export async function registerTypeScript(): Promise<void> {
  isRegistered = true
  await import(REGISTER.href)
}

/**
 * The `execArgv` of every child process and thread that loads the app: this process's own, plus the TypeScript loader when this process
 * uses it. It is defined only here.
 */
export function childExecArgv(): readonly string[] {
  const own = process.execArgv.filter(isInherited)
  if (!isRegistered || own.some((argument) => argument.includes(fileURLToPath(REGISTER)))) return own
  return [...own, '--import', REGISTER.href]
}

/** A debugger's port is already in use, and a program given as text belongs to this process alone. */
function isInherited(argument: string, index: number, all: readonly string[]): boolean {
  return (
    !/^--(inspect|input-type|eval|print)|^-[ep]+$/.test(argument) &&
    !/^(--eval|--print|-[ep]+)$/.test(all[index - 1] ?? '')
  )
}
