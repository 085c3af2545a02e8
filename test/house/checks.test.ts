import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { floorsOf } from '../../scripts/checks/floors.mjs'
import { linksOf } from '../../scripts/checks/links.mjs'
import { namesOf } from '../../scripts/checks/names.mjs'
import { checkProducer } from '../../scripts/checks/producer.mjs'
import { publicTypesOf } from '../../scripts/checks/public-types.mjs'
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
  test('a higher floor, and no door, in a house without doors', async () => {
    const files = {
      'src/low/inside.ts': "import { page } from '../high/page.js'\nexport const inside = page\n",
      'src/high/page.ts': 'export const page = 1\n',
      'src/high/other.ts': "import { inside } from '../low/inside.js'\nexport const other = inside\n",
    }
    const house = { folder: relative(ROOT, await packageOf(files)), name: 'planted' }
    expect(floorsOf(house, [['low'], ['high']], { hasDoors: false })).toEqual([
      expect.stringContaining('low/inside.ts:1: high/ is not on a lower floor than low/'),
    ])
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
    expect((await checkProducer({ package: folder, most: 1 }))[0]).toContain('loads 2 of its source files')
  })
})

describe('the check of public types', () => {
  const findingsOf = async (files: Readonly<Record<string, string>>) => {
    const folder = relative(ROOT, await packageOf(files))
    const exports = { '.': { types: './dist/index.d.ts' }, './second': { types: './dist/second.d.ts' } }
    return publicTypesOf([{ folder, name: 'planted', manifest: { exports } }])
  }
  const SECOND = "export type { Told } from './inside.js'\n"

  test('finds types that a signature names and no door exports', async () => {
    const found = await findingsOf({
      'dist/index.d.ts': `import type { Hidden, Told } from './inside.js'
export interface Options extends Omit<Told, 'a'> { readonly each: readonly Hidden[] }
export declare class Open { constructor(hidden: Hidden); on(listener: (told: Told) => void): void }
export declare const later: () => Promise<import('./inside.js').Deep>
`,
      'dist/second.d.ts': SECOND,
      'dist/inside.d.ts':
        'export interface Hidden { a: 1 }\nexport interface Told { a: 1; b: 2 }\nexport interface Deep { a: 1 }\n',
    })
    expect(found).toEqual([
      expect.stringMatching(/index\.d\.ts:2: Options, which planted exports, names Hidden, which no door/),
      expect.stringMatching(/index\.d\.ts:3: Open, which planted exports, names Hidden, which no door/),
      expect.stringMatching(/index\.d\.ts:4: later, which planted exports, names Deep, which no door/),
    ])
  })
  test('lets private members, type parameters and constructors of classes exported as types alone name what they like', async () => {
    const found = await findingsOf({
      'dist/index.d.ts': `export { type Made } from './inside.js'
export declare class Open<Value> { private hidden; private constructor(); get(): Value | Map<string, Value> }
`,
      'dist/second.d.ts': SECOND,
      'dist/inside.d.ts': `interface Hidden { a: 1 }
export interface Told { b: 2 }
export declare class Made { constructor(hidden: Hidden); static of(hidden: Hidden): Made; told(): Told }
`,
    })
    expect(found).toEqual([])
  })
})

describe('the check of names finds', () => {
  const names = async (files: Readonly<Record<string, string>>) =>
    namesOf({ folder: relative(ROOT, await packageOf(files)) })

  test('nothing where the rule is kept', async () => {
    const files = {
      'src/drivers/redis/redis-publisher.ts': 'export class RedisPublisher {}\n',
      'src/drivers/amqp/amqp-publisher.ts': 'export class AmqpPublisher {}\n',
      'src/drivers/amqp/topology.ts': 'export class Topology {}\n',
      'src/drivers/redis/redis-broker.ts': 'export const openRedisBroker = () => 1\nclass RedisBroker {}\n',
    }
    expect(await names(files)).toEqual([])
  })
  test('two exported classes of one name', async () => {
    const files = {
      'src/worker/claims.ts': 'export class Claims {}\n',
      'src/drivers/shared/claims.ts': 'export class Claims {}\n',
    }
    expect(await names(files)).toEqual([
      expect.stringMatching(/worker\/claims\.ts: the class Claims is also exported by .*shared\/claims\.ts/),
    ])
  })
  test('a class without its driver’s name beside one that has it', async () => {
    const files = {
      'src/drivers/redis/redis-publisher.ts': 'export class RedisPublisher {}\n',
      'src/drivers/amqp/publisher.ts': 'export class Publisher {}\n',
    }
    expect(await names(files)).toEqual([expect.stringContaining('name it AmqpPublisher')])
  })
  test('a file that is not named after its class, or after another driver', async () => {
    const files = {
      'src/drivers/redis/publisher.ts': 'export class RedisPublisher {}\n',
      'src/drivers/redis/amqp-fanout.ts': 'export class Fanout {}\n',
      'src/drivers/amqp/amqp-consumer.ts': 'export class Consumer {}\n',
    }
    expect((await names(files)).toSorted()).toEqual([
      expect.stringContaining('amqp-consumer.ts: declares nothing named after the file'),
      expect.stringContaining('amqp-fanout.ts: the file carries the name of the driver amqp'),
      expect.stringContaining('publisher.ts: declares RedisPublisher: name the file redis-publisher.ts'),
    ])
  })
})

describe('the check of links', () => {
  test('finds files and headings that are not there, outside code', async () => {
    const folder = await packageOf({
      'page.md': [
        '# A page, with `code`',
        '[good](other.md#its-part-1) [top](#a-page-with-code) [web](https://example.com/x) `[code](none.md)`',
        '```md',
        '[code](none.md)',
        '```',
        '[gone](none.md)',
        '[lost](other.md#nowhere)',
        '![picture](none.png)',
      ].join('\n'),
      'other.md': '# Other\n## Its part\n## Its part\n',
    })
    const page = relative(ROOT, join(folder, 'page.md'))
    expect(linksOf([page])).toEqual([
      expect.stringMatching(/page\.md:6: none\.md: there is no .*none\.md/),
      expect.stringMatching(/page\.md:7: other\.md#nowhere: .*other\.md has no heading #nowhere/),
      expect.stringMatching(/page\.md:8: none\.png: there is no .*none\.png/),
    ])
  })
})
