import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packages } from '../workspace.mjs'
import { filesBelow, isTest, ROOT } from './run.mjs'

/** A room imports itself, or a lower floor through its door; drivers stay apart; no file takes part in a circle. */
export async function checkFloors() {
  const findings = []
  for (const each of packages()) {
    const plan = join(ROOT, each.folder, 'floors.mjs')
    if (!existsSync(plan)) continue
    const { FLOORS, HAS_DOORS } = await import(pathToFileURL(plan).href)
    findings.push(...floorsOf(each, FLOORS, { hasDoors: HAS_DOORS ?? true }))
  }
  return findings
}

/** What breaks the plan of one package's house. */
export function floorsOf({ folder, name }, floors, { hasDoors = true } = {}) {
  const house = {
    name,
    hasDoors,
    source: join(ROOT, folder, 'src'),
    floorOf: new Map(floors.flatMap((rooms, floor) => rooms.map((room) => [room, floor]))),
  }
  const files = filesBelow(house.source, (path) => /\.tsx?$/.test(path)).map((path) =>
    relative(house.source, join(ROOT, path)),
  )
  const findings = []
  const graph = new Map()
  for (const file of files) {
    const imports = importsOf(house, file)
    if (!isTest(file))
      graph.set(
        file,
        imports.map((each) => each.target).filter((target) => target !== undefined),
      )
    for (const { specifier, target, line } of imports) {
      const reason = forbidden(house, file, specifier, target)
      if (reason) findings.push(`${folder}/src/${file}:${line}: ${reason} (${specifier})`)
    }
  }
  const rooms = new Set(files.filter((file) => file.includes('/')).map((file) => roomOf(house, file)))
  for (const room of rooms)
    if (!house.floorOf.has(room)) findings.push(`${room}/ stands on no floor of ${folder}/floors.mjs`)
  return [...findings, ...circles(graph).map((circle) => `circle: ${circle.join(' → ')}`)]
}

function forbidden(house, file, specifier, target) {
  if (specifier === house.name || specifier.startsWith(`${house.name}/`))
    return isTest(file) ? '' : 'the package imports itself'
  if (!specifier.startsWith('.')) return ''
  if (target === undefined) return isTest(file) ? '' : 'leads out of the sources'
  const [from, to] = [roomOf(house, file), roomOf(house, target)]
  // The face and the tests may look into every room; through the door they go all the same.
  if (from === to) return from === 'cli' ? commandsApart(file, target) : ''
  if (isDriver(to) && isDriver(from) && to !== SHARED) return `the driver ${from}/ imports the driver ${to}/`
  const throughDoor =
    !house.hasDoors ||
    target === join(to, 'index.ts') ||
    target === join(to, 'index.tsx') ||
    (isTest(file) && isTest(target))
  if (!throughDoor) return `goes past the door of ${to}/`
  if (from === '' || isTest(file)) return ''
  if (isDriver(to) && to !== SHARED && !isDriver(from) && from !== 'drivers')
    return 'opens a driver past drivers/open.ts'
  if (to === '') return 'imports the public face'
  return house.floorOf.get(to) < house.floorOf.get(from) ? '' : `${to}/ is not on a lower floor than ${from}/`
}

/** Commands that run another command: `dev` is a worker that starts again at every change. */
const RUNS = new Map([['dev', 'worker']])

/** A command's folder imports itself and `cli/shared`. */
function commandsApart(file, target) {
  const [a, b] = [file, target].map((path) => (path.split('/').length > 2 ? path.split('/')[1] : ''))
  if (a === '' || a === b || b === 'shared' || RUNS.get(a) === b) return ''
  return `the command ${a}/ imports ${b === '' ? 'the program' : `the command ${b}/`}`
}

const SHARED = 'drivers/shared'
const isDriver = (room) => room.startsWith('drivers/')

/** The first folder; in one that is divided into rooms (`app`, `drivers`), the first two. */
function roomOf({ floorOf }, file) {
  const [first, second, ...rest] = file.split('/')
  if (second === undefined) return ''
  const isDivided = rest.length > 0 && [...floorOf.keys()].some((room) => room.startsWith(`${first}/`))
  return isDivided ? `${first}/${second}` : first
}

const IMPORT =
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*'([^']+)'|^\s*import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|new URL\(\s*'([^']+\.js)',\s*import\.meta\.url/gm

const DOCSTRING = /^\s*\/\*\*[\s\S]*?\*\//gm

function importsOf({ source }, file) {
  // Docstrings show how others import the package.
  const text = readFileSync(join(source, file), 'utf8').replace(DOCSTRING, (doc) =>
    doc.replace(/[^\n]/g, ' '),
  )
  return [...text.matchAll(IMPORT)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? match[4]
    const line = text.slice(0, match.index + match[0].indexOf(specifier)).split('\n').length
    const path = join(dirname(file), specifier.replace(/\.js$/, '.ts'))
    const target = [path, `${path}x`].find((each) => !each.startsWith('..') && existsSync(join(source, each)))
    return { specifier, line, target: specifier.startsWith('.') ? target : undefined }
  })
}

/** Tarjan's strongly connected components with more than one member; in each, the shortest way round. */
function circles(graph) {
  const [index, low, stack, found] = [new Map(), new Map(), [], []]
  const visit = (node) => {
    index.set(node, index.size)
    low.set(node, index.get(node))
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!graph.has(next)) continue
      if (!index.has(next)) visit(next)
      if (stack.includes(next)) low.set(node, Math.min(low.get(node), low.get(next)))
    }
    if (low.get(node) !== index.get(node)) return
    const members = new Set(stack.splice(stack.indexOf(node)))
    if (members.size > 1) found.push(shortestCircle(graph, members))
  }
  for (const node of graph.keys()) if (!index.has(node)) visit(node)
  return found
}

function shortestCircle(graph, members) {
  const walks = [...members].map((start) => {
    const queue = [[start]]
    const seen = new Set()
    for (const path of queue) {
      for (const next of graph.get(path.at(-1)).filter((each) => members.has(each))) {
        if (next === start) return [...path, next]
        if (!seen.has(next)) queue.push([...path, next])
        seen.add(next)
      }
    }
    return []
  })
  return walks.sort((a, b) => a.length - b.length)[0]
}
