import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { run } from '../servers.js'

test('npm run chaos gives every reader hostile texts first', { timeout: 120_000 }, async () => {
  const script = fileURLToPath(new URL('../../scripts/chaos.mjs', import.meta.url))
  const args = [script, '--seconds', '0', '--hostile', '200', '--seed', '7']
  const { code, stdout, stderr } = await run(process.execPath, args)
  expect(stdout + stderr).toMatch(/200 hostile texts: \d+ readings gave a value, \d+ refused; seed 7/)
  expect(code).toBe(0)
})
