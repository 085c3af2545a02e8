import { execFileSync } from 'node:child_process'
import { expect, test, vi } from 'vitest'
import { silentLogger } from '../../../kernel/index.js'
import { OrphanGuard } from './orphan-guard.js'

/** Shells of this process that wait for names of children. */
const shells = (): number[] => {
  const text = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' })
  return text
    .split('\n')
    .flatMap((line) => (line.includes('read -r line') ? [Number.parseInt(line, 10)] : []))
}

test.skipIf(process.platform !== 'linux')('a guard whose shell is killed starts another', async () => {
  const guard = new OrphanGuard(silentLogger)
  guard.start()
  try {
    await vi.waitFor(() => expect(shells()).toHaveLength(1), 20_000)
    const [first = 0] = shells()
    process.kill(first, 'SIGKILL')
    await vi.waitFor(() => expect(shells().filter((pid) => pid !== first)).toHaveLength(1), 10_000)
  } finally {
    guard.stop()
  }
  await vi.waitFor(() => expect(shells()).toEqual([]), 10_000)
})
