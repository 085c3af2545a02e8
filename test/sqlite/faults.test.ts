import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'libsql'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { run } from '../servers.js'

const PUBLISH = fileURLToPath(new URL('publish.mjs', import.meta.url))

/** What the publisher tells. */
interface Told {
  readonly accepted: number
  readonly ready?: number
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string }
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lovage-faults-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function publish(
  file: string,
  how: { readonly batches?: number; readonly query?: string; readonly around?: readonly string[] } = {},
): Promise<Told> {
  const [command = process.execPath, ...before] = [...(how.around ?? []), process.execPath]
  const env = {
    ...process.env,
    FAULT_BROKER: `sqlite://${file}${how.query ?? ''}`,
    FAULT_BATCHES: String(how.batches ?? 1000),
  }
  const { stdout, stderr } = await run(command, [...before, PUBLISH], { cwd: folder, env })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

describe('a SQLite file', () => {
  test('on a disk that is full: one clear error, and what was accepted is still there', async () => {
    const disk = join(folder, 'disk')
    await mkdir(disk)
    // A file system of 600 KiB in a namespace of its own, which ends with the process.
    const told = await publish(join(disk, 'queue.db'), {
      around: ['unshare', '-rm', 'sh', '-c', `mount -t tmpfs -o size=600k tmpfs ${disk} && exec "$@"`, 'sh'],
    })
    expect(told.error).toMatchObject({ code: 'LVG_STORE_FULL' })
    expect(told.accepted).toBeGreaterThan(0)
    expect(told.ready).toBe(told.accepted)
  })

  test('that may not be written', async () => {
    const file = join(folder, 'queue.db')
    await publish(file, { batches: 1 })
    await chmod(folder, 0o755)
    await chmod(file, 0o444)
    // Root may write anything, so that somebody else has to try.
    const around =
      process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []
    const { error } = await publish(file, { around })
    expect(error).toMatchObject({ code: 'LVG_STORE_READ_ONLY' })
    expect(error?.message).toContain(folder)
  })

  test('that is none', async () => {
    const file = join(folder, 'queue.db')
    await writeFile(file, 'this is a letter to somebody, and not a database at all'.repeat(100))
    expect((await publish(file)).error).toMatchObject({ code: 'LVG_STORE_CORRUPT' })
  })

  test('that somebody keeps locked', async () => {
    const file = join(folder, 'queue.db')
    await publish(file, { batches: 1 })
    const other = new Database(file)
    other.exec('BEGIN IMMEDIATE')
    try {
      const { error } = await publish(file, { query: '?lockTimeoutMs=300' })
      expect(error).toMatchObject({ code: 'LVG_STORE_LOCKED' })
    } finally {
      other.exec('ROLLBACK')
      other.close()
    }
  })
})
