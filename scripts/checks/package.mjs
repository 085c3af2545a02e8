import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { packages } from '../workspace.mjs'
import { execute, ROOT } from './run.mjs'

/**
 * The packages as a user gets them: packed, examined, installed together into an empty project, and there imported, required,
 * type-checked and run, at each of their entry points.
 */
export async function checkPackages() {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-package-'))
  try {
    const project = join(folder, 'project')
    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', private: true }))
    const packed = []
    for (const each of packages().filter((one) => one.isPublished))
      packed.push(await pack(join(ROOT, each.folder), folder))
    const npm = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts']
    await must('npm', [...npm, ...packed.map(({ tarball }) => tarball)], project)
    // The compiler and Node's types are what any TypeScript project has besides.
    mkdirSync(join(project, 'node_modules/@types'), { recursive: true })
    for (const name of ['@types/node', 'undici-types'])
      symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name))
    const findings = packed.flatMap((each) => each.findings)
    findings.push(...weigh(project))
    for (const { pkg } of packed) findings.push(...(await examine(project, pkg)))
    // All doors at once: the compiler reads the types of Node, and of the engine, once.
    findings.push(
      ...(await typeCheck(
        project,
        packed.flatMap(({ pkg }) => entriesOf(pkg)),
      )),
    )
    return findings
  } catch (error) {
    return [error.message]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function pack(source, folder) {
  const listing = await must('npm', ['pack', '--json', '--silent', '--pack-destination', folder], source)
  const [packed] = JSON.parse(listing.slice(listing.indexOf('[\n')))
  const tarball = join(folder, packed.filename)
  const { messages, pkg } = await publint({ pack: { tarball: readFileSync(tarball).buffer }, strict: true })
  const findings = messages.map(
    (message) => `${pkg.name}: publint: ${formatMessage(message, pkg, { color: false })}`,
  )
  findings.push(...packed.files.flatMap(({ path }) => strangerIn(pkg, path)))
  findings.push(...(await typesOf(tarball, pkg)), ...deadLinks(pkg, source))
  return { tarball, pkg, findings }
}

/** Accepted of `attw`: the packages are ES modules, which the modes of before TypeScript 5.8 cannot require or look into. */
const ACCEPTED = new Set(['CJSResolvesToESM'])

/** Every door's types, as each of TypeScript's modes resolves them. */
async function typesOf(tarball, pkg) {
  const { problems = [] } = await checkPackage(
    createPackageFromTarballData(new Uint8Array(readFileSync(tarball))),
  )
  return problems
    .filter(({ kind, resolutionKind }) => {
      // node10 knows no export maps; the engine alone repeats its doors for it.
      if (resolutionKind === 'node10' && pkg.typesVersions === undefined) return false
      return !ACCEPTED.has(kind)
    })
    .map((problem) => `${pkg.name}: attw: ${JSON.stringify(problem)}`)
}

/** A registry shows the papers of a package, and none of the repository's other files. */
function deadLinks({ name }, source) {
  return ['README.md', 'CHANGELOG.md'].flatMap((paper) => {
    const text = readPaper(join(source, paper))
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)\s]+)\)/g)]
    return links.map(([, href]) => `${name}: ${paper} links to ${href}, which the package does not have`)
  })
}

function readPaper(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return ''
    throw error
  }
}

/** What the installed packages may weigh together, in MB and files; when this was written it was 70 MB in 6,639. */
const MOST_MEGABYTES = 100
const MOST_FILES = 8000

/** What a user has on disk after installing all of them. */
function weigh(project) {
  const files = readdirSync(join(project, 'node_modules'), { recursive: true, withFileTypes: true }).filter(
    (each) => each.isFile(),
  )
  const bytes = files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
  const megabytes = Math.round(bytes / 1e6)
  console.log(`      installed: ${megabytes} MB in ${files.length} files, without optional drivers`)
  return megabytes <= MOST_MEGABYTES && files.length <= MOST_FILES
    ? []
    : [
        `the packages install ${megabytes} MB in ${files.length} files; allowed are ${MOST_MEGABYTES} and ${MOST_FILES}`,
      ]
}

const entriesOf = (pkg) =>
  Object.keys(pkg.exports)
    // Suites run in Vitest only, which an empty project has not; `examples/own-broker` runs them by their door.
    .filter((path) => !path.endsWith('.json') && !path.endsWith('/suites'))
    .map((path) => path.replace('.', pkg.name))

async function examine(project, pkg) {
  const findings = []
  for (const entry of entriesOf(pkg)) {
    findings.push(...(await load(project, `await import('${entry}')`, 'module')))
    findings.push(...(await load(project, `require('${entry}')`, 'commonjs')))
  }
  for (const program of Object.keys(pkg.bin ?? {})) {
    const { code, output } = await execute(join(project, 'node_modules/.bin', program), ['--version'], {
      cwd: project,
    })
    if (code !== 0 || !output.includes(pkg.version)) findings.push(`${program} --version says: ${output}`)
  }
  return findings
}

async function load(project, expression, kind) {
  const code = `const face = ${expression}; if (Object.keys(face).length === 0) throw new Error('it exports nothing')`
  const result = await execute(process.execPath, [`--input-type=${kind}`, '-e', code], { cwd: project })
  return result.code === 0 ? [] : [`${expression}: ${result.output}`]
}

async function typeCheck(project, entries) {
  const use = entries
    .map((entry, index) => `import * as face${index} from '${entry}'\nexport { face${index} }\n`)
    .join('')
  writeFileSync(join(project, 'esm.mts'), use)
  writeFileSync(join(project, 'cjs.cts'), use)
  const findings = []
  for (const [module, moduleResolution, files] of [
    ['nodenext', 'nodenext', ['esm.mts', 'cjs.cts']],
    ['esnext', 'bundler', ['esm.mts']],
  ]) {
    const compilerOptions = {
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable'],
      types: ['node'],
      strict: true,
    }
    Object.assign(compilerOptions, {
      module,
      moduleResolution,
      noEmit: true,
      exactOptionalPropertyTypes: true,
    })
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
    const { code, output } = await execute(join(ROOT, 'node_modules/.bin/tsc'), [
      '-p',
      project,
      '--pretty',
      'false',
    ])
    if (code !== 0) findings.push(`types under ${moduleResolution}: ${output}`)
  }
  return findings
}

/** Only what runs, its types, its assets and its papers belong into the package. */
function strangerIn(pkg, path) {
  const belongs =
    /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(path) ||
    Object.values(pkg.exports).includes(`./${path}`) ||
    Object.values(pkg.bin ?? {}).some((program) => program.replace(/^\.\//, '') === path) ||
    Object.values(pkg.exports).includes(`./${path}`) ||
    (/^dist\/.+\.(js|d\.ts|js\.map|lua|sql|css|svg)$/.test(path) && !/\.(test|test-d)\./.test(path))
  return belongs ? [] : [`${pkg.name} contains ${path}`]
}

async function must(program, args, cwd) {
  const { code, output } = await execute(program, args, { cwd })
  if (code !== 0) throw new Error(`${program} ${args[0]}: ${output}`)
  return output
}
