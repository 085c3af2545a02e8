import { relative } from 'node:path'
import * as ast from 'typescript/unstable/ast'
import { SymbolFlags } from 'typescript/unstable/sync'
import { packages } from '../workspace.mjs'
import { inDeclarations } from './declarations.mjs'
import { ROOT } from './run.mjs'

/** What can be called by its name has an example in its docstring. */
export async function checkExamples() {
  return examplesMissingIn(packages().filter((each) => each.isPublished))
}

/**
 * The exports of the packages' doors without an `@example`. The rule:
 * - a function, a constant that is a function, and a class, exported by name or as a type alone, have one of their own. That of a class shows
 *   how one comes by it, and its methods at work;
 * - an error has none, because callers only catch it; nor have types of data and options, which the examples of the functions that take
 *   them show, nor what is marked `@deprecated`.
 * Read are the compiled declarations: what an editor shows. That the examples compile is for the check of snippets.
 */
export function examplesMissingIn(published) {
  return inDeclarations(published, (project, doors, isOurs) =>
    withoutExample(
      project,
      doors.filter(({ door }) => !door.includes('/suites')),
      isOurs,
    ),
  )
}

function withoutExample({ program, checker }, doors, isOurs) {
  const exported = new Map()
  for (const { door, file } of doors) {
    const source = program.getSourceFile(file)
    for (const each of checker.getExportsOfModule(checker.getSymbolAtLocation(source))) {
      const symbol = (each.flags & SymbolFlags.Alias) === 0 ? each : checker.getAliasedSymbol(each)
      if (!exported.has(symbol.id)) exported.set(symbol.id, { symbol, door })
    }
  }
  const callables = []
  for (const { symbol, door } of exported.values()) {
    const nodes = symbol.declarations.filter(({ path }) => isOurs(path)).map((handle) => handle.resolve())
    // Of several signatures one shows how it is called.
    const docs = nodes.map(docOf).join('\n')
    if (docs.includes('@deprecated') || nodes.length === 0) continue
    const [node] = nodes
    const where = `${relative(ROOT, node.getSourceFile().fileName)}: `
    if (nodes.some(isCallable) && !isErrorClass(node) && !docs.includes('@example'))
      callables.push(`${where}${symbol.name}, which ${door} exports, has no @example`)
  }
  return callables.sort()
}

/** The comment before a declaration; that of a constant stands before its statement. */
function docOf(node) {
  const at = ast.isVariableDeclaration(node) ? node.parent.parent : node
  const source = at.getSourceFile()
  const between = source.text.slice(at.pos, at.getStart(source))
  return between.slice(between.lastIndexOf('/**') === -1 ? between.length : between.lastIndexOf('/**'))
}

function isCallable(node) {
  if (ast.isFunctionDeclaration(node) || ast.isClassDeclaration(node)) return true
  return ast.isVariableDeclaration(node) && node.type !== undefined && ast.isFunctionTypeNode(node.type)
}

const isErrorClass = (node) =>
  ast.isClassDeclaration(node) && /extends \w*(Error|Exceeded)\b/.test(node.getText().slice(0, 300))
