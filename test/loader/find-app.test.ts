import { Lovage } from 'lovage'
import { describe, expect, test } from 'vitest'
import { appIn, appSpec, importModules, loadApp } from '../../packages/lovage/src/loader/index.js'
import { makeProject } from './project.js'

const app = (name: string, how = 'export const app') =>
  `import { Lovage } from 'lovage'\n${how} = new Lovage('${name}')\n`

const load = (folder: string, spec: string) => loadApp({ spec, from: '-A', folder })

describe('the app', () => {
  test.each([
    ['path.mjs', 'path.mjs'],
    ['path.mjs', './path'],
    ['nested/app.mjs', 'nested.app'],
    ['src/tasks/celery.mjs', 'tasks'],
    ['proj/celery.mjs', 'proj'],
    ['proj/celery.mjs', 'proj.celery:app'],
    ['node_modules/kit/index.mjs', 'kit'],
    ['celery_app.mjs', 'celery_app'],
  ])('in %s is found as -A %s', async (file, spec) => {
    using project = makeProject({
      [file]: app('found'),
      'node_modules/kit/package.json': '{"name":"kit","main":"index.mjs"}',
    })
    const found = await load(project.folder, spec)
    expect(found.app.main).toBe('found')
    expect(found.file).toBe(project.path(file))
  })

  test('may be exported as app, celery, default or anything, or be named after a colon', async () => {
    using project = makeProject({
      'celery.mjs': app('a', 'export const celery'),
      'default.mjs': `import { Lovage } from 'lovage'\nexport default new Lovage('b')`,
      'other.mjs': app('c', 'export const shop'),
      'two.mjs': `${app('d', 'export const one')}export const two = new Lovage('e')\nexport const inside = { app: two }`,
      'common.cjs': `exports['a' + 'pp'] = new (require('lovage').Lovage)('f')`,
    })
    const main = async (spec: string) => (await load(project.folder, spec)).app.main
    expect(await main('celery')).toBe('a')
    expect(await main('default')).toBe('b')
    expect(await main('other')).toBe('c')
    expect(await main('two:two')).toBe('e')
    expect(await main('two:inside.app')).toBe('e')
    expect(await main('common')).toBe('f')
    await expect(main('two')).rejects.toThrow('two.mjs exports 2 apps: one, two.')
    await expect(main('two:three')).rejects.toThrow(
      'three is not exported in two.mjs; it exports one, two, inside.',
    )
  })

  test('is not in a file of data, and not below a file', async () => {
    using project = makeProject({ 'package.json': '{}', 'app.mjs': app('found') })
    await expect(load(project.folder, 'package.json')).rejects.toThrow('package.json (-A) is not a module')
    await expect(load(project.folder, 'app.mjs/more')).rejects.toThrow('There is no module app.mjs/more')
  })

  test('is the compiled one where that is named, though its source stands beside it', async () => {
    using project = makeProject({
      'package.json': '{"type":"module"}',
      'app.js': app('compiled'),
      'app.ts': app('source'),
    })
    expect((await load(project.folder, 'app.js')).file).toBe(project.path('app.js'))
  })

  test('of another installed copy of the package is known by its mark', () => {
    const foreign = Object.defineProperty({ main: 'foreign' }, Symbol.for('lovage.app'), { value: true })
    expect(appIn({ shop: foreign }, 'x')?.app).toBe(foreign)
    expect(appIn({ shop: { main: 'imposter' } }, 'x')).toBeUndefined()
    expect(appIn({ shop: new Lovage('own', { env: {} }) }, 'x')?.exportName).toBe('shop')
  })

  test('that is not there is told with the places that were looked at', async () => {
    using project = makeProject({ 'empty.mjs': 'export const nothing = 1' })
    await expect(load(project.folder, 'proj.tasks')).rejects.toThrow(
      `There is no module proj.tasks (-A) in ${project.folder}. Looked for: proj.tasks, proj/tasks, src/proj/tasks, package proj.tasks.`,
    )
    await expect(load(project.folder, 'empty')).rejects.toThrow(
      'empty.mjs exports no app; it exports nothing.',
    )
  })

  test('is named by -A, else by CELERY_APP, else by package.json', () => {
    using project = makeProject({
      'package.json': '{"lovage":{"app":"src/app.ts"}}',
      'deep/er/x.txt': '',
      'plain/package.json': '{}',
    })
    const { folder } = project
    expect(appSpec('a:b', { CELERY_APP: 'c' }, folder)?.spec).toBe('a:b')
    expect(appSpec(undefined, { CELERY_APP: 'c' }, folder)?.spec).toBe('c')
    expect(appSpec(undefined, {}, project.path('deep/er'))).toMatchObject({ spec: 'src/app.ts', folder })
    expect(appSpec(undefined, {}, project.path('plain'))).toBeUndefined()
  })
})

test('a module to include that is not there is told with the places that were looked at', async () => {
  using project = makeProject({ 'tasks/webhook.mjs': 'export const loaded = true' })
  expect(await importModules(['tasks.webhook'], project.folder)).toMatchObject([{ loaded: true }])
  await expect(importModules(['tasks.web'], project.folder)).rejects.toMatchObject({
    code: 'LVG_MODULE_NOT_FOUND',
  })
})
