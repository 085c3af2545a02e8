/** Writes the interface of @lovage/webhooks from its contract, as OpenAPI and as a page: `npm run docs:webhooks`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createJiti } from 'jiti'
import { madePage, ROOT } from './made-page.mjs'

async function contract() {
  const { openApiDocument } = await createJiti(ROOT, { fsCache: false, tsconfigPaths: true }).import(
    join(ROOT, 'packages/webhooks/src/service/contract/index.ts'),
  )
  const { version } = JSON.parse(readFileSync(join(ROOT, 'packages/webhooks/package.json'), 'utf8'))
  return openApiDocument(version)
}

/** `Listing of Endpoint`, `string`, `"a" | "b"`: a schema in a word or two. */
function typeOf(schema) {
  if (schema.$ref) {
    const name = schema.$ref.split('/').at(-1)
    return `[${name}](#${name.toLowerCase()})`
  }
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  const kinds = [schema.type].flat().filter((kind) => kind !== undefined)
  const isMaybe = kinds.includes('null') ? ' or null' : ''
  if (schema.enum)
    return `${schema.enum
      .filter((each) => each !== null)
      .map((each) => `\`${each}\``)
      .join(', ')}${isMaybe}`
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ')
  if (kinds.includes('array')) return `list of ${typeOf(schema.items ?? {})}${isMaybe}`
  if (kinds.includes('object') && schema.properties)
    return `{ ${Object.entries(schema.properties)
      .map(([name, each]) => `${name}: ${typeOf(each)}`)
      .join(', ')} }${isMaybe}`
  return (kinds.filter((kind) => kind !== 'null').join(' or ') || 'any JSON') + isMaybe
}

const cell = (text = '') => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
const table = (head, rows) =>
  rows.length === 0
    ? []
    : [
        `| ${head.join(' | ')} |`,
        `|${'---|'.repeat(head.length)}`,
        ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`),
        '',
      ]

const bodyOf = (content) => {
  const [[type, { schema }] = ['', {}]] = Object.entries(content ?? {})
  return type === 'application/json' ? typeOf(schema) : `\`${type}\``
}

function operationOf(path, method, operation) {
  const { summary, parameters = [], requestBody, responses, security = [] } = operation
  const scopes = security.flatMap((each) => each.apiKey ?? [])
  const own = parameters.filter((each) => !['lovage-tenant', 'idempotency-key'].includes(each.name))
  return [
    `### \`${method.toUpperCase()} ${path}\``,
    '',
    `${summary}. ${scopes.length === 0 ? 'Needs no key.' : `Scope: \`${scopes.join('`, `')}\`.`}${method === 'post' ? ' Takes an `Idempotency-Key`.' : ''}`,
    '',
    ...table(
      ['Parameter', 'In', 'Type', ''],
      own.map((each) => [
        `\`${each.name}\`${each.required ? '' : ', optional'}`,
        each.in,
        typeOf(each.schema),
        each.description ?? each.schema.description,
      ]),
    ),
    ...(requestBody
      ? [`Body${requestBody.required ? '' : ', optional'}: ${bodyOf(requestBody.content)}.`, '']
      : []),
    ...Object.entries(responses)
      .filter(([status]) => status !== 'default')
      .map(
        ([status, { description, content }]) =>
          `\`${status}\`: ${description}${content ? `: ${bodyOf(content)}` : ''}.`,
      ),
    '',
  ]
}

function schemaOf(name, { properties = {}, required = [] }) {
  return [
    `### ${name}`,
    '',
    ...table(
      ['Field', 'Type', ''],
      Object.entries(properties).map(([field, schema]) => [
        `\`${field}\`${required.includes(field) ? '' : ', optional'}`,
        typeOf(schema),
        schema.description,
      ]),
    ),
  ]
}

async function page() {
  const { info, paths, components } = await contract()
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const tags = [...new Set(operations.map(({ operation }) => operation.tags[0]))]
  return [
    '<!-- Made by `npm run docs:webhooks` from the contract: change it there. -->',
    '# Webhooks: the HTTP interface',
    '',
    info.description,
    '',
    '`GET /openapi.json` is this page for programs; the package has it as `@lovage/webhooks/openapi.json`.',
    '',
    ...tags.flatMap((tag) => [
      `## ${tag}`,
      '',
      ...operations
        .filter(({ operation }) => operation.tags[0] === tag)
        .flatMap(({ path, method, operation }) => operationOf(path, method, operation)),
    ]),
    '## Values',
    '',
    ...Object.entries(components.schemas).flatMap(([name, schema]) => schemaOf(name, schema)),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n')
}

const common = { script: import.meta.url, from: 'the contract', command: 'docs:webhooks' }

/** For `npm run check`. */
export const webhooksDocumentIsFresh = await madePage({
  ...common,
  path: 'packages/webhooks/openapi.json',
  document: async () => `${JSON.stringify(await contract(), null, 2)}\n`,
})
/** For `npm run check`. */
export const webhooksPageIsFresh = await madePage({ ...common, path: 'docs/webhooks/api.md', document: page })
