import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { ROOT } from '../workspace.mjs'

export { ROOT }

/** Runs a program of node_modules/.bin; resolves with its output if it failed, else with nothing. */
export async function command(program, args, options = {}) {
  const { code, output } = await execute(join(ROOT, 'node_modules/.bin', program), args, options)
  return code === 0 ? [] : [output || `${program} ended with ${code}`]
}

/** Runs any program and resolves with its exit code and all that it wrote. */
export function execute(program, args, { cwd = ROOT, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    child.on('error', (error) => resolve({ code: 127, output: error.message }))
    child.on('close', (code) => resolve({ code, output }))
  })
}

/** The files below a folder, as paths from the root of the repository, in order. */
export function filesBelow(folder, keep) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('node_modules/') && keep(path))
    .sort()
}

/** Tests and the suites that they share are no part of the package. */
export const isTest = (path) => /\.(test|test-d|suite)\.tsx?$/.test(path)
