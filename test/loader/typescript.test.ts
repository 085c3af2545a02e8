import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { run } from '../servers.js'
import { makeProject } from './project.js'

const LOADER = fileURLToPath(new URL('../../packages/lovage/dist/loader/index.js', import.meta.url))

/** Loads a project's app in a process of its own, the compiled package's; resolves with what the app's module printed. */
async function load(folder: string, spec: string, env: Record<string, string> = {}) {
  const script = `
    const { loadApp, childExecArgv } = await import(${JSON.stringify(LOADER)})
    const { app } = await loadApp({ spec: ${JSON.stringify(spec)}, from: '-A', folder: process.cwd() })
    console.log(JSON.stringify({ app: app.main, tasks: app.tasks.names() }))
    globalThis.childExecArgv = childExecArgv
    if (globalThis.afterwards) await globalThis.afterwards()`
  const { code, stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', script], {
    cwd: folder,
    env: { NODE_OPTIONS: '', ...env },
  })
  const lines = stdout.trim().split('\n')
  return { code, stderr, lines, json: () => lines.map((line) => JSON.parse(line) as unknown) }
}

const ESM = '{"name":"project","type":"module"}'
const CJS = '{"name":"project","type":"commonjs"}'
const APP = "import { Lovage } from 'lovage'\nexport const app = new Lovage('shop')\n"

describe('an app of ES modules', () => {
  test('uses enums, namespaces, parameter properties, aliases, .js for .ts, cycles and top-level await', async () => {
    using project = makeProject({
      'package.json': ESM,
      'tsconfig.base.json': '{ "compilerOptions": { "paths": { "@lib/*": ["./lib/*"] } } }',
      'tsconfig.json':
        '{ // a comment\n "extends": "./tsconfig.base.json", "compilerOptions": { "strict": true, }, }',
      'lib/util.ts': `
        export enum Color { Red = 'red', Blue = 'blue' }
        export const enum Size { Small = 1 }
        export namespace Names { export const first = 'ada' }
        export interface Face { b: string }
        export default class Thing { constructor(readonly a: number, private b = 2) {} get sum() { return this.a + this.b } }`,
      'lib/a.ts': "import { b } from './b.js'\nexport const a = () => 'a' + b()",
      'lib/b.ts': "import { a } from './a'\nexport const b = () => 'b'\nexport const viaA = () => a()",
      'lib/plain.js': "export const plain = import.meta.url.endsWith('plain.js')",
      'lib/data.json': '{"n": 7}',
      'lib/index.ts': "export const fromIndex = 'index'",
      'src/app.ts': `${APP}
        import Thing, { Color, Names, Size, Face } from '@lib/util'
        import { a } from '../lib/a.js'
        import { viaA } from '../lib/b'
        import { plain } from '../lib/plain.js'
        import { fromIndex } from '../lib'
        import data from '../lib/data.json' with { type: 'json' }
        const later = await import('../lib/util.js')
        const face: Face = { b: 'x' }
        console.log(JSON.stringify([Color.Blue, Size.Small, Names.first, new Thing(1).sum, a(), viaA(), plain, fromIndex,
          data.n, later.default === Thing, face.b, import.meta.url.endsWith('/src/app.ts')]))`,
    })
    const { json, stderr } = await load(project.folder, 'src/app')
    expect(stderr).toBe('')
    expect(json()[0]).toEqual(['blue', 1, 'ada', 3, 'ab', 'ab', true, 'index', 7, true, 'x', true])
    expect(json()[1]).toEqual({ app: 'shop', tasks: [] })
  })

  test('uses the decorators of the language', async () => {
    using project = makeProject({
      'package.json': ESM,
      'app.ts': `${APP}
        function log(value: (...args: unknown[]) => unknown, context: ClassMethodDecoratorContext) {
          return function (this: unknown, ...args: unknown[]) { return String(context.name) + ':' + value.apply(this, args) }
        }
        class Service { @log greet(name: string) { return name } }
        console.log(JSON.stringify(new Service().greet('ada')))`,
    })
    expect((await load(project.folder, 'app')).json()[0]).toBe('greet:ada')
  })

  test('uses experimental decorators, on parameters too, with the metadata that frameworks read', async () => {
    using project = makeProject({
      'package.json': ESM,
      'tsconfig.json':
        '{ "compilerOptions": { "experimentalDecorators": true, "emitDecoratorMetadata": true } }',
      'app.ts': `${APP}
        const seen: unknown[] = []
        ;(Reflect as any).metadata = (key: string, value: any) => () => { if (key === 'design:paramtypes') seen.push(value.map((v: any) => v.name)) }
        function method(target: object, key: string, descriptor: PropertyDescriptor) {
          const original = descriptor.value
          descriptor.value = function (...args: unknown[]) { return key + ':' + original.apply(this, args) }
        }
        function parameter(target: object, key: string, index: number) { seen.push([key, index]) }
        class Mailer {}
        class Service { @method greet(@parameter name: string, mailer?: Mailer) { return name } }
        console.log(JSON.stringify([new Service().greet('ada'), seen]))`,
    })
    expect((await load(project.folder, 'app')).json()[0]).toEqual([
      'greet:ada',
      [
        ['String', 'Mailer'],
        ['greet', 0],
      ],
    ])
  })

  test('shares one copy of the package with what loads it, and with a CommonJS module beside it', async () => {
    using project = makeProject({
      'package.json': ESM,
      'old.cts': "import { Lovage } from 'lovage'\nexport = Lovage",
      'app.ts': `${APP}
        import OldLovage from './old.cjs'
        import { LovageError } from 'lovage'
        console.log(JSON.stringify([OldLovage === Lovage, app.constructor === Lovage, typeof LovageError]))`,
    })
    expect((await load(project.folder, 'app')).json()[0]).toEqual([true, true, 'function'])
  })
})

describe('an app of ES modules that imports CommonJS by name', () => {
  test('finds one export, several, those of others, and whatever else Node finds', async () => {
    using project = makeProject({
      'package.json': ESM,
      'one.cts': 'export const one: number = 1',
      'two.cts':
        "export * from './one.cjs'\nexport enum Color { Red = 'red' }\nexport function two(): number { return 2 }\nexport default 'main'",
      'old.cts': 'interface A { b: string }\nexports.old = 3\nmodule.exports.older = 4',
      'literal.cts': 'const a = 5, b: number = 6\nexport = { a, b }',
      'legacy/package.json': '{"type":"commonjs"}',
      'legacy/tasks.ts':
        "import { one } from '../one.cjs'\nexport const next = one + 1\nexport const name: string = __filename.slice(-8)",
      'legacy/index.ts': "export * from './tasks'\nexport type Only = string",
      'app.ts': `${APP}
        import { one } from './one.cjs'
        import main, { Color, two, one as again } from './two.cjs'
        import { old, older } from './old.cjs'
        import { a, b } from './literal.cjs'
        import * as legacy from './legacy/index.js'
        import { next, name } from './legacy/index'
        const late = await import('./two.cjs')
        console.log(JSON.stringify([one, again, Color.Red, two(), main.default, old, older, a, b, next, name,
          late.two === two, legacy.next]))`,
    })
    const { json, stderr } = await load(project.folder, 'app')
    expect(stderr).toBe('')
    expect(json()[0]).toEqual([1, 1, 'red', 2, 'main', 3, 4, 5, 6, 2, 'tasks.ts', true, 2])
  })

  test('says which name a module lacks', async () => {
    using project = makeProject({
      'package.json': ESM,
      'old.cts': 'export const one = 1\nexport const two = 2',
      'app.ts': `${APP}import { three } from './old.cjs'\nconsole.log(three)`,
    })
    const { code, stderr } = await load(project.folder, 'app')
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/'\.\/old\.cjs' does not provide an export named 'three'/)
  })
})

describe('an app of CommonJS modules', () => {
  test('has require, module and __filename, and export =', async () => {
    using project = makeProject({
      'package.json': CJS,
      'tsconfig.json': '{ "compilerOptions": { "baseUrl": ".", "paths": { "~/*": ["lib/*"] } } }',
      'lib/color.ts': 'export enum Color { Red }\nexport const here = __filename',
      'lib/old.ts': 'class Old { n = 1 }\nexport = Old',
      'app.ts': `${APP}
        import fs = require('fs')
        import Old = require('./lib/old')
        import { Color, here } from '~/color'
        const late = import('./lib/color')
        console.log(JSON.stringify([Color.Red, here.endsWith('color.ts'), typeof fs.readFileSync, new Old().n, typeof module]))
        module.exports.late = late`,
    })
    const { json, stderr } = await load(project.folder, './app.ts')
    expect(stderr).toBe('')
    expect(json()[0]).toEqual([0, true, 'function', 1, 'object'])
    expect(json()[1]).toEqual({ app: 'shop', tasks: [] })
  })

  test('is an ES module all the same when only those can be what it is and package.json does not say', async () => {
    using project = makeProject({
      'package.json': '{"name":"project"}',
      'app.ts': `${APP}console.log(JSON.stringify(await Promise.resolve(1)))`,
      'meta.ts': `${APP}console.log(JSON.stringify(import.meta.url.slice(-7)))`,
    })
    expect((await load(project.folder, 'app')).json()[0]).toBe(1)
    expect((await load(project.folder, 'meta')).json()[0]).toBe('meta.ts')
  })
})

describe('the loader', () => {
  test('says so, and what to do, when what it uses belongs to ES modules', async () => {
    for (const [file, packageJson, remedy] of [
      ['app.ts', CJS, '"type": "module" into its package.json, name it .mts'],
      ['app.cts', ESM, 'Name it .mts'],
    ] as const) {
      using project = makeProject({ 'package.json': packageJson, [file]: `${APP}await Promise.resolve()` })
      const { code, stderr } = await load(project.folder, file)
      expect(code).not.toBe(0)
      expect(stderr).toContain(`${file} is a CommonJS module, because its `)
      expect(stderr).toContain('await is only valid')
      expect(stderr).toContain(`${remedy}, or move it into a function.`)
    }
  })
  test('is handed to forked children and to threads', async () => {
    using project = makeProject({
      'package.json': ESM,
      'child.ts':
        "enum Answer { Yes = 'yes' }\nconsole.log(JSON.stringify([Answer.Yes, process.argv[2] ?? 'thread']))",
      'app.ts': `${APP}
        import { fork } from 'node:child_process'
        import { once } from 'node:events'
        import { Worker } from 'node:worker_threads'
        ;(globalThis as any).afterwards = async () => {
          const execArgv = (globalThis as any).childExecArgv()
          const child = fork(new URL('./child.ts', import.meta.url), ['fork'], { execArgv })
          await once(child, 'close')
          await once(new Worker(new URL('./child.ts', import.meta.url), { execArgv }), 'exit')
        }`,
    })
    const { json, stderr } = await load(project.folder, 'app')
    expect(stderr).toBe('')
    expect(json().slice(1)).toEqual([
      ['yes', 'fork'],
      ['yes', 'thread'],
    ])
  })

  test('lets a JavaScript app be, and finds tasks of a TypeScript one by glob', async () => {
    using project = makeProject({
      'package.json': ESM,
      'plain.js': APP,
      'app.ts': `${APP}
        ;(globalThis as any).afterwards = async () => {
          await app.autodiscover(['tasks/*.ts'], import.meta.dirname)
          console.log(JSON.stringify(app.tasks.names()))
        }`,
      'tasks/add.ts':
        "import { app } from '../app.js'\napp.task({ name: 'add', run: (_ctx, x: number) => x })",
    })
    expect((await load(project.folder, 'plain')).json()).toEqual([{ app: 'shop', tasks: [] }])
    expect((await load(project.folder, 'app')).json()[1]).toEqual(['add'])
  })

  test('shows the line of the source in a stack trace, and the place of a syntax error', async () => {
    using project = makeProject({
      'package.json': ESM,
      'throws.ts': `interface A { b: string }\n\n${APP}\nthrow new Error('at import')`,
      'wrong.ts': `${APP}const x: = 3`,
    })
    expect((await load(project.folder, 'throws')).stderr).toContain('throws.ts:6')
    const { stderr } = await load(project.folder, 'wrong')
    expect(stderr).toContain('wrong.ts:3')
    expect(stderr).toContain('const x: = 3')
  })

  test('compiles again what was changed, and works where nothing can be cached', async () => {
    using project = makeProject({ 'package.json': ESM, 'app.ts': `${APP}console.log('1' as string)` })
    expect((await load(project.folder, 'app')).lines[0]).toBe('1')
    expect((await load(project.folder, 'app')).lines[0]).toBe('1')
    project.write({ 'app.ts': `${APP}console.log('2' as string)` })
    expect((await load(project.folder, 'app')).lines[0]).toBe('2')
    expect((await load(project.folder, 'app', { LOVAGE_CACHE: 'off' })).lines[0]).toBe('2')
  })
})
