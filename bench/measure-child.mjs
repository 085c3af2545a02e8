// Runs one figure in a process of its own.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Resolves to what `node FILE WHAT JSON` prints last, a line of JSON; `file` stands in this folder. */
export function measureChild(file, what, told) {
  return new Promise((resolve, reject) => {
    const path = fileURLToPath(new URL(file, import.meta.url))
    const child = spawn(process.execPath, [path, what, JSON.stringify(told)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 300_000,
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk))
    child.on('close', (code) => {
      const line = text.trim().split('\n').at(-1)
      if (code !== 0 || !line) return reject(new Error(`${file} ${what} ended with ${code}: ${text}`))
      if (line.length < 500) console.error(what, line)
      resolve(JSON.parse(line))
    })
  })
}
