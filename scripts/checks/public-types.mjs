import { relative } from 'node:path'
import * as ast from 'typescript/unstable/ast'
import { ModifierFlags, SymbolFlags } from 'typescript/unstable/sync'
import { packages } from '../workspace.mjs'
import { inDeclarations } from './declarations.mjs'
import { ROOT } from './run.mjs'

/** A type that a public signature names is exported by a door, so that callers can name it, too. */
export async function checkPublicTypes() {
  return publicTypesOf(packages().filter((each) => each.isPublished))
}

/**
 * The types that signatures behind the packages' doors name, but that no door exports. Read are the compiled declarations: what a
 * user's compiler reads. Private members have no types there; constructors of classes that are exported as types alone do not count.
 */
export function publicTypesOf(published) {
  return inDeclarations(published, unexported)
}

function unexported({ program, checker }, doors, isOurs) {
  const exported = new Map()
  for (const { door, file } of doors) {
    const source = program.getSourceFile(file)
    for (const each of checker.getExportsOfModule(checker.getSymbolAtLocation(source))) {
      const symbol = origin(checker, each)
      const isValue = !each.declarations.some(isTypeOnly)
      const known = exported.get(symbol.id)
      exported.set(symbol.id, {
        symbol,
        door: known?.door ?? door,
        isValue: isValue || known?.isValue === true,
      })
    }
  }
  const findings = new Map()
  for (const { symbol, door, isValue } of exported.values()) {
    for (const handle of symbol.declarations.filter(({ path }) => isOurs(path))) {
      const names = namesIn(handle.resolve(), isValue)
      const targets = names.length === 0 ? [] : checker.getSymbolAtLocation(names)
      for (const [at, named] of targets.entries()) {
        if (named === undefined) continue
        const target = origin(checker, named)
        if (exported.has(target.id) || (target.flags & NAMEABLE) === 0) continue
        if (!target.declarations.some(({ path }) => isOurs(path))) continue
        const where = relative(ROOT, handle.path)
        findings.set(
          `${where} ${target.name} ${symbol.name}`,
          `${where}:${lineOf(names[at])}: ${symbol.name}, which ${door} exports, names ${target.name}, which no door exports`,
        )
      }
    }
  }
  return [...findings.values()].sort()
}

/** Types that a user could import by name; type parameters are none of them. */
const NAMEABLE = SymbolFlags.Class | SymbolFlags.Interface | SymbolFlags.TypeAlias | SymbolFlags.Enum

const origin = (checker, symbol) =>
  (symbol.flags & SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)

/** `export { type Name }` or `export type { Name }`: the class behind it cannot be constructed by its name. */
function isTypeOnly(handle) {
  const node = handle.resolve()
  return ast.isExportSpecifier(node) && (node.isTypeOnly || node.parent.parent.isTypeOnly)
}

/** The identifiers of types in a declaration, as far as callers can reach them. */
function namesIn(declaration, isValue) {
  const names = []
  const visit = (node) => {
    if (isPrivate(node) || (!isValue && (ast.isConstructorDeclaration(node) || isStatic(node)))) return
    const name =
      (ast.isTypeReferenceNode(node) && node.typeName) ||
      (ast.isImportTypeNode(node) && node.qualifier) ||
      (ast.isExpressionWithTypeArguments(node) && node.expression)
    if (name) names.push(ast.isQualifiedName(name) ? name.right : name)
    node.forEachChild((child) => {
      visit(child)
    })
  }
  visit(declaration)
  return names
}

const isPrivate = (node) => ((node.modifierFlags ?? 0) & ModifierFlags.Private) !== 0
const isStatic = (node) => ((node.modifierFlags ?? 0) & ModifierFlags.Static) !== 0

function lineOf(node) {
  const source = node.getSourceFile()
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
}
