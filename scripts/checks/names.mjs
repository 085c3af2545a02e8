import { readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { packages } from '../workspace.mjs'
import { filesBelow, isTest, ROOT } from './run.mjs'

/** One name for one class, and a driver's name where several drivers have a class for the same role. */
export function checkNames() {
  return Promise.resolve(packages().flatMap(namesOf))
}

/**
 * What breaks the naming rule in one package: two exported classes of one name; a class of a driver without the driver's name though another
 * driver has a class for the same role; a driver's name on another driver's class, or on a file that declares nothing of that name.
 */
export function namesOf({ folder }) {
  const source = join(ROOT, folder, 'src')
  const files = filesBelow(source, (path) => /\.tsx?$/.test(path) && !isTest(path)).map((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8')
    const declared = [...text.matchAll(DECLARATION)].map(([, isExported, kind, name]) => ({
      kind,
      name,
      isExported: isExported !== undefined,
    }))
    return { path, declared, driver: driverOf(relative(source, join(ROOT, path))) }
  })
  const classes = files.flatMap(({ path, declared, driver }) =>
    declared
      .filter(({ kind, isExported }) => kind === 'class' && isExported)
      .map(({ name }) => ({ name, path, driver })),
  )
  const drivers = new Set(files.map(({ driver }) => driver).filter((name) => name !== ''))
  return [
    ...twice(classes),
    ...unnamedRoles(classes, drivers),
    ...strangers(classes, drivers),
    ...files.flatMap((file) => misnamedFile(file, drivers)),
  ]
}

const DECLARATION =
  /^(export )?(?:declare )?(?:abstract )?(?:async )?(class|function|const|interface|type|enum)\*? (\w+)/gm

/** The driver that a file belongs to; empty for `drivers/shared` and all other rooms. */
function driverOf(file) {
  const [first, second, ...rest] = file.split('/')
  return first === 'drivers' && rest.length > 0 && second !== 'shared' ? second : ''
}

function twice(classes) {
  const firstOf = new Map()
  return classes.flatMap(({ name, path }) => {
    const first = firstOf.get(name)
    if (first === undefined) firstOf.set(name, path)
    return first === undefined ? [] : [`${path}: the class ${name} is also exported by ${first}`]
  })
}

/** `Publisher` of one driver beside `RedisPublisher` of another: both are publishers, and only one says whose. */
function unnamedRoles(classes, drivers) {
  const ownerOf = new Map()
  for (const { name, driver } of classes)
    for (const each of drivers) if (roleOf(name, each)) ownerOf.set(roleOf(name, each), { name, driver })
  return classes
    .filter(({ name, driver }) => driver !== '' && ownerOf.has(name) && ownerOf.get(name).driver !== driver)
    .map(
      ({ name, path, driver }) =>
        `${path}: ${name} has the role of ${ownerOf.get(name).name}: name it ${prefixOf(driver)}${name}`,
    )
}

function strangers(classes, drivers) {
  return classes.flatMap(({ name, path, driver }) =>
    [...drivers]
      .filter((each) => driver !== '' && driver !== each && roleOf(name, each))
      .map((each) => `${path}: ${name} carries the name of the driver ${each}`),
  )
}

/** A file that begins with a driver's name is in its folder, and declares what the file is named after; and the other way round. */
function misnamedFile({ path, declared, driver }, drivers) {
  if (driver === '') return []
  const file = basename(path).replace(/\.tsx?$/, '')
  const owner = [...drivers].find((each) => file.startsWith(`${each}-`))
  if (owner !== undefined && owner !== driver)
    return [`${path}: the file carries the name of the driver ${owner}, and is in ${dirname(path)}`]
  const names = declared.map(({ name }) => kebab(name))
  if (owner !== undefined && !names.some((name) => name.endsWith(file)))
    return [`${path}: declares nothing named after the file`]
  const [own] = declared.filter(({ kind, name }) => kind === 'class' && roleOf(name, driver))
  return own === undefined || names.includes(file)
    ? []
    : [`${path}: declares ${own.name}: name the file ${kebab(own.name)}.ts`]
}

const prefixOf = (driver) => driver[0].toUpperCase() + driver.slice(1)
const roleOf = (name, driver) =>
  name.startsWith(prefixOf(driver)) && /^[A-Z]/.test(name.slice(driver.length))
    ? name.slice(driver.length)
    : ''
const kebab = (name) => name.replace(/(?<=[a-z\d])[A-Z]|(?<=[A-Z])[A-Z](?=[a-z])/g, '-$&').toLowerCase()
