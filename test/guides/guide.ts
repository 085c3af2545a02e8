import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { makeProject } from '../loader/project.js'
import { run } from '../servers.js'

const LOADER = fileURLToPath(new URL('../../packages/lovage/dist/loader/index.js', import.meta.url))

/** The programs and commands of a guide, to be run by a test. */
export function readGuide(page: string) {
  const text = readFileSync(fileURLToPath(new URL(`../../docs/guides/${page}`, import.meta.url)), 'utf8')
  const blocks = [...text.matchAll(/^```(\w+) ?(\S*)\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', name = '', code = '']) => ({ language, name, code }),
  )
  const programs = blocks
    .filter(({ language }) => language === 'ts')
    .map(({ name, code }, index) => ({ name: name || `snippet-${index}.ts`, code }))
  const commands = blocks
    .filter(({ language }) => language === 'bash')
    .flatMap(({ code }) => code.trim().split('\n'))
    .map((line) => line.replace(/ +#.*$/, ''))
  return {
    programs,
    commands,
    /** A project that holds all its programs. */
    makeShop: () =>
      makeProject({
        'package.json': '{"type":"module"}',
        ...Object.fromEntries(programs.map(({ name, code }) => [name, code])),
      }),
  }
}

/** The words of a command line: in double quotes, in single quotes, or bare. */
export const words = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  )

/** Imports a program of a project as a worker would, and ends. */
export async function importProgram(
  shop: { readonly folder: string; write(files: Readonly<Record<string, string>>): void },
  name: string,
) {
  shop.write({
    'run.mjs': `const { importModules } = await import(${JSON.stringify(LOADER)})
      await importModules(['./${name}'], process.cwd())
      process.exit()`,
  })
  return run(process.execPath, ['run.mjs'], { cwd: shop.folder })
}
