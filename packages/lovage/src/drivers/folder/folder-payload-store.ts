import { randomUUID } from 'node:crypto'
import { access, type FileHandle, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigurationError, LovageError, messageOf } from '../../kernel/index.js'
import type { Payload, PayloadStore } from '../../payload/index.js'

/** A file that is in the folder, and not in the empty one on which it would be mounted. */
const MARK = '.lovage-payloads'
const DAY = /^\d{4}-\d\d-\d\d$/

/** Opens the folder that a `file:///path` URL names; the first payload creates it. */
export async function openFolderPayloadStore(url: string): Promise<PayloadStore> {
  const folder = folderOf(url)
  let isMarked = false
  return {
    location: url,
    put: (payloads) =>
      attempt(folder, async () => {
        // Only writers create the folder: a reader that did would take one that is not mounted for an empty one.
        if (!isMarked) {
          await mkdir(folder, { recursive: true, mode: 0o700 })
          await writeFile(join(folder, MARK), '')
          isMarked = true
        }
        await Promise.all(payloads.map((payload) => write(folder, payload)))
      }),
    get: (key, maxBytes) => attempt(folder, () => read(folder, key, maxBytes)),
    prune: (beforeDay) =>
      attempt(folder, async () => {
        const days = (await readdir(folder)).filter((name) => DAY.test(name) && name < beforeDay)
        for (const day of days) await rm(join(folder, day), { recursive: true, force: true })
      }),
    close: async () => {},
  }
}

/** The file has its name only when it is whole and on the disk: a crash leaves a file that no key names, and that goes with its day. */
async function write(folder: string, { key, bytes }: Payload): Promise<void> {
  const path = join(folder, key)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = join(dirname(path), `.${randomUUID()}`)
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  // The name, too, must survive a power cut.
  const day = await open(dirname(path), 'r')
  try {
    await day.sync()
  } finally {
    await day.close()
  }
}

async function read(folder: string, key: string, maxBytes: number): Promise<Buffer | undefined> {
  const file = await find(folder, key)
  if (!file) return undefined
  try {
    const { size } = await file.stat()
    const bytes = Buffer.alloc(Math.min(size, maxBytes))
    let read = 0
    while (read < bytes.length) {
      const { bytesRead } = await file.read(bytes, read, bytes.length - read, read)
      if (bytesRead === 0) break
      read += bytesRead
    }
    return bytes.subarray(0, read)
  } finally {
    await file.close()
  }
}

/** Undefined if the payload is missing: not there between two looks at the mark. A folder that is not mounted lacks nothing, it is away. */
async function find(folder: string, key: string): Promise<FileHandle | undefined> {
  for (let looks = 0; looks < 2; looks++) {
    try {
      return await open(join(folder, key), 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    await access(join(folder, MARK))
  }
  return undefined
}

function folderOf(url: string): string {
  try {
    return fileURLToPath(url)
  } catch (cause) {
    throw new ConfigurationError(`${url} is not the URL of a folder: ${messageOf(cause)}`, {
      code: 'LVG_CONFIG_INVALID',
      hint: 'Write it as file:///absolute/path.',
      cause,
    })
  }
}

async function attempt<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new LovageError(`The folder of large payloads, ${folder}, cannot be used: ${messageOf(cause)}`, {
      code: 'LVG_PAYLOAD_STORE_FAILED',
      cause,
    })
  }
}
