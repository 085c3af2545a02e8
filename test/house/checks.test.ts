import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { floorsOf } from '../../scripts/checks/floors.mjs'
import { checkProducer } from '../../scripts/checks/producer.mjs'
import { ROOT } from '../../scripts/checks/run.mjs'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

/** A package with these files, as the checks name it: from the root of the repository. */
async function packageOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lovage-house-'))
  folders.push(folder)
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return folder
}
const floors = async (
  files: Readonly<Record<string, string>>,
  plan: readonly (readonly string[])[],
): Promise<readonly string[]> =>
  floorsOf({ folder: relative(ROOT, await packageOf(files)), name: 'planted' }, plan)

describe('the check of floors finds', () => {
  const PLAN = [
    ['low'],
    ['drivers/shared'],
    ['drivers/a', 'drivers/b'],
    ['drivers'],
    ['app/sending'],
    ['app'],
  ]

  test('nothing in a house that keeps its plan', async () => {
    const files = {
      'src/low/index.ts': 'export const low = 1\n',
      'src/app/sending/index.ts': "import { low } from '../../low/index.js'\nexport const sent = low\n",
      'src/app/index.ts': "export { sent } from './sending/index.js'\n",
    }
    expect(await floors(files, PLAN)).toEqual([])
  })
  test('a room that imports a higher floor', async () => {
    const files = {
      'src/app/index.ts': 'export const app = 1\n',
      'src/app/sending/index.ts': "import { app } from '../index.js'\nexport const sent = app\n",
    }
    expect(await floors(files, PLAN)).toEqual([expect.stringContaining('not on a lower floor')])
  })
  test('an import past a door, of a driver by a driver, of a driver past open.ts, and a room of no floor', async () => {
    const files = {
      'src/low/index.ts': 'export {}\n',
      'src/low/inside.ts': 'export const inside = 1\n',
      'src/drivers/a/index.ts': "import { inside } from '../../low/inside.js'\nexport const a = inside\n",
      'src/drivers/b/index.ts': "import { a } from '../a/index.js'\nexport const b = a\n",
      'src/app/index.ts': "import { a } from '../drivers/a/index.js'\nexport const app = a\n",
      'src/annex/index.ts': 'export {}\n',
    }
    const found = (await floors(files, PLAN)).join('\n')
    expect(found).toContain('goes past the door of low/')
    expect(found).toContain('the driver drivers/b/ imports the driver drivers/a/')
    expect(found).toContain('opens a driver past drivers/open.ts')
    expect(found).toContain('annex/ stands on no floor')
  })
  test('a circle', async () => {
    const files = {
      'src/low/a.ts': "import './b.js'\nexport const a = 1\n",
      'src/low/b.ts': "import './a.js'\nexport const b = 1\n",
    }
    expect((await floors(files, PLAN)).join()).toContain('circle: low/a.ts → low/b.ts → low/a.ts')
  })
})

describe('the check of a producer’s files', () => {
  test('counts what importing the package loads, not what is loaded later', async () => {
    const folder = await packageOf({
      'package.json': '{ "type": "module" }',
      'dist/index.js': "import './one.js'\nexport const later = () => import('./two.js')\n",
      'dist/one.js': 'export const one = 1\n',
      'dist/two.js': 'export const two = 2\n',
    })
    expect(await checkProducer({ package: folder, most: 2 })).toEqual([])
    expect((await checkProducer({ package: folder, most: 1 }))[0]).toContain('loads 2 of its files')
  })
})
