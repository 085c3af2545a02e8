import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turnOver } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import Database from 'libsql'
import { afterAll, expect, test } from 'vitest'
import { describeBroker } from '../../packages/lovage/src/broker/broker.suite.js'
import { openFolderPayloadStore } from '../../packages/lovage/src/drivers/folder/folder-payload-store.js'
import { openBroker, openResultBackend } from '../../packages/lovage/src/drivers/index.js'
import { openPostgresPayloadStore } from '../../packages/lovage/src/drivers/postgres/payloads/index.js'
import { openS3PayloadStore } from '../../packages/lovage/src/drivers/s3/s3-payload-store.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { describePayloadStore } from '../../packages/lovage/src/payload/payload-store.suite.js'
import { describeResultBackend } from '../../packages/lovage/src/result/result-backend.suite.js'
import { startAws, startPostgres } from '../servers.js'

const folders: string[] = []
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-payloads-'))
  folders.push(folder)
  return folder
}
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

describePayloadStore({
  name: 'a folder',
  start: async () => {
    const url = String(pathToFileURL(newFolder()))
    return { open: () => openFolderPayloadStore(url) }
  },
})

describePayloadStore({
  name: 'PostgreSQL',
  start: async () => {
    const server = await startPostgres()
    const url = await server.createDatabase('payloads')
    const options = { settings: {}, clock: systemClock, logger: silentLogger }
    return { open: () => openPostgresPayloadStore(url, options), stop: () => server.stop() }
  },
})

describePayloadStore({
  name: 'S3',
  // The emulator answers 500 to an empty object.
  leastBytes: 1,
  start: async () => {
    const aws = await startAws()
    aws.createBucket('payloads')
    const url = `s3://key:secret@payloads/of/shop?endpoint=http://${aws.host}`
    return { open: () => openS3PayloadStore(url), stop: () => aws.stop() }
  },
})

test('a folder that is not mounted is away, and does not lack its payloads', async () => {
  const folder = newFolder()
  const store = await openFolderPayloadStore(String(pathToFileURL(folder)))
  await store.put([{ key: 'kept/one', bytes: Buffer.from('1') }])
  expect(readdirSync(join(folder, 'kept'))).toEqual(['one'])
  renameSync(folder, `${folder}-away`)
  folders.push(`${folder}-away`)
  await expect(store.get('kept/one', 10)).rejects.toMatchObject({ code: 'LVG_PAYLOAD_STORE_FAILED' })
  await expect(openFolderPayloadStore('file://host/folder')).rejects.toMatchObject({
    code: 'LVG_CONFIG_INVALID',
  })
})

test('a folder that is mounted while a payload is looked for does not lack it', async () => {
  const folder = newFolder()
  const store = await openFolderPayloadStore(String(pathToFileURL(folder)))
  await store.put([{ key: 'kept/one', bytes: Buffer.from('1') }])
  const away = `${folder}-away`
  folders.push(away)
  for (let times = 0; times < 300; times++) {
    renameSync(folder, away)
    const gets = Array.from({ length: 4 }, () => store.get('kept/one', 10))
    await turnOver()
    renameSync(away, folder)
    for (const got of await Promise.allSettled(gets)) {
      if (got.status === 'fulfilled') expect(got.value?.toString()).toBe('1')
    }
  }
  expect((await store.get('kept/one', 10))?.toString()).toBe('1')
})

/** Every body and result through the store: the suites hold for what is large as for what is small. */
const everything = () => ({
  settings: {
    largePayloadUrl: String(pathToFileURL(newFolder())),
    largePayloadBytes: 0,
    largePayloadExpires: 3600,
    messageMaxBytes: 64 * 1024 * 1024,
    resultExpires: 3600,
  },
  clock: systemClock,
  logger: silentLogger,
})

describeBroker({
  name: 'SQLite with every body in a folder',
  start: async () => {
    const folder = newFolder()
    const file = join(folder, 'queue.db')
    const url = `sqlite://${file}?lockTimeoutMs=1000`
    const options = everything()
    const execute = (sql: string, ...parameters: unknown[]): void => {
      const database = new Database(file, { timeout: 5000 })
      try {
        database.prepare(sql).run(...parameters)
      } finally {
        database.close()
      }
    }
    return {
      open: () => openBroker(url, options),
      openResults: () => openResultBackend(url, options),
      restart: async () => {},
      publishRaw: async (queue, raw) =>
        execute(
          'INSERT INTO lovage_message (queue, level, place, due_ms, state, raw) VALUES (?, 0, 0, 0, 0, ?)',
          queue,
          raw,
        ),
      expireLease: async (holder) =>
        execute('UPDATE lovage_message SET lease_ms = 0 WHERE holder = ?', holder),
      stop: async () => {},
    }
  },
})

describeResultBackend({
  name: 'SQLite with every value in a folder',
  start: async () => {
    const url = `sqlite://${join(newFolder(), 'results.db')}`
    const { settings, ...rest } = everything()
    return {
      open: (more) => openResultBackend(url, { ...rest, settings: { ...settings, ...more } }),
      stop: async () => {},
    }
  },
})
