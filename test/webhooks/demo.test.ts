import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { run } from '../servers.js'

test('the demo loses nothing and ends with the attempts of one delivery, as an operator sees them', {
  timeout: 240_000,
}, async () => {
  const program = fileURLToPath(new URL('../../examples/demo/run.mjs', import.meta.url))
  const { code, stdout, stderr } = await run(process.execPath, [program], {
    // Colours would stand between the cells.
    env: { NO_COLOR: '1', FORCE_COLOR: '0' },
    timeoutMs: 200_000,
  })
  expect(code, stderr + stdout).toBe(0)
  const plain = stdout.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '')
  const rows = plain
    .split('\n')
    .filter((line) => line.startsWith('│'))
    .map((line) =>
      line
        .split('│')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  const [head = [], figures = []] = rows
  const summary = Object.fromEntries(head.map((name, at) => [name, figures[at]]))
  expect(summary).toMatchObject({ delivered: '500', lost: '0', forged: '0' })
  expect(Number(summary['tried again'])).toBeGreaterThan(0)
  expect(plain).toContain('worker 1 is killed with SIGKILL')
  expect(plain).toContain('The endpoint that answered 410 is disabled (gone).')
  const attempts = rows.slice(2)
  expect(attempts[0]?.slice(0, 5)).toEqual(['attempt', 'at', 'by', 'outcome', 'status'])
  expect(attempts.slice(1).some((cells) => cells.includes('success'))).toBe(true)
  expect(attempts.slice(1).length).toBeGreaterThan(1)
})
