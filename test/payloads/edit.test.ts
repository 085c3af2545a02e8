import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { expect, test } from 'vitest'

test('a dead letter whose body is elsewhere is not edited, and stays', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-edit-'))
  await using app = createTestApp('edit', {
    largePayloadUrl: String(pathToFileURL(folder)),
    largePayloadBytes: 1000,
  })
  app.task({
    name: 'broken',
    deadLetter: 'failures',
    run: (_ctx, text: string) => {
      throw new RangeError(String(text.length))
    },
  })
  await using _worker = await startTestWorker(app)
  await app.sendTask('broken', { args: ['x'.repeat(5000)] })
  await until(async () => (await app.deadLetters.list()).items.length === 1)
  const [letter] = (await app.deadLetters.list()).items
  await expect(app.deadLetters.edit(letter?.id ?? '', { args: ['other'] })).rejects.toMatchObject({
    code: 'LVG_DEAD_LETTER_UNREADABLE',
    message: expect.stringContaining('application/x-lovage-payload'),
  })
  expect((await app.deadLetters.list()).items).toHaveLength(1)
  rmSync(folder, { recursive: true })
})
