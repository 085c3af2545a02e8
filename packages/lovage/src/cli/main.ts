#!/usr/bin/env node
import { CommanderError } from 'commander'
import { EXIT, reportError } from './exit.js'
import { makeProgram, normaliseArguments } from './program.js'

try {
  await makeProgram().parseAsync(normaliseArguments(process.argv.slice(2)), { from: 'user' })
} catch (error) {
  // Commander has said what it had to say: help and version end well, everything else is a matter of usage.
  process.exitCode =
    error instanceof CommanderError ? (error.exitCode === 0 ? EXIT.ok : EXIT.usage) : reportError(error)
}
