import { CommanderError } from 'commander'
import { splitMulti } from './multi/parse.js'
import { createProgram } from './program.js'
import { withDashes } from './shared/argv.js'
import { EXIT, exitCodeOf } from './shared/exit-codes.js'
import { explain } from './shared/say.js'

/** Runs one command line; resolves to its exit code. Errors are already printed by then. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const program = createProgram()
  try {
    const multi = splitMulti(argv, program)
    if (multi) {
      const { runMulti } = await import('./multi/run-multi.js')
      return await runMulti(multi.globals, multi.rest, program)
    }
    await program.parseAsync(withDashes(argv, program), { from: 'user' })
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    explain(error)
    return exitCodeOf(error)
  }
}
