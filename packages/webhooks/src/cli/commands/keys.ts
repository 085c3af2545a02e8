import { ApiKeys, SCOPES, type Scope } from '../../service/index.js'
import { type Command, durationOf, EXIT, textOf, textsOf, UsageError, wordOf } from '../shared/command.js'

/** `lovage-webhooks keys`. */
export const keys: Command = {
  name: 'keys',
  summary: 'makes, lists and ends API keys of the HTTP service',
  forms: ['[list]', 'create', 'revoke ID'],
  options: {
    scopes: {
      type: 'string',
      multiple: true,
      value: 'SCOPES',
      help: `create: ${SCOPES.join(', ')} (default: all)`,
    },
    name: { type: 'string', value: 'TEXT', help: 'create: a note' },
    expires: { type: 'string', value: 'TIME', help: 'create: it ends after this time: 90d (default: never)' },
    all: { type: 'boolean', help: 'list: the keys of every tenant' },
  },
  examples: [
    'keys create --tenant acme --scopes events:write',
    "keys create --tenant '*' --name operator",
    'keys revoke key_…',
  ],
  async run({ hooks, words, given, tenant, out }) {
    const apiKeys = new ApiKeys(hooks)
    const [form = 'list'] = words
    switch (form) {
      case 'list':
        out.rows(await apiKeys.list(given.all === true ? undefined : tenant), [
          'id',
          'tenant',
          'name',
          'scopes',
          'createdAtMs',
          'expiresAtMs',
        ])
        return
      case 'create': {
        const [expiresMs, name] = [durationOf(given, 'expires'), textOf(given, 'name')]
        const scopes = textsOf(given, 'scopes') as readonly Scope[] | undefined
        const { key, text } = await apiKeys.create({
          tenant,
          expiresAtMs: expiresMs === undefined ? null : hooks.app.clock.now() + expiresMs,
          ...(name === undefined ? {} : { name }),
          // `create` refuses an unknown scope.
          ...(scopes === undefined ? {} : { scopes }),
        })
        out.value({ ...key, text }, text)
        out.say(`The key ${key.id} of tenant ${key.tenant} is shown only now.`)
        return
      }
      case 'revoke': {
        const id = wordOf(words, 1, 'The id of a key')
        if (await apiKeys.revoke(id)) return void out.say(`${id} is ended.`)
        out.say(`There is no key ${id}.`)
        return EXIT.failed
      }
      default:
        throw new UsageError(`keys ${form} is unknown: ${keys.forms.join(', ')}.`)
    }
  },
}
