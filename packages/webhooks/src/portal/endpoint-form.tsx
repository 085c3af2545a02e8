import type { FC } from 'hono/jsx'
import type { Endpoint, EndpointChanges } from '../domain/index.js'
import { Token } from './layout.js'
import type { Session } from './session.js'

/** The form of a new endpoint, or of one that is changed. */
export const EndpointForm: FC<{
  readonly session: Session
  readonly to: string
  readonly types: readonly string[]
  readonly endpoint?: Endpoint
  /** The id of the endpoint that it makes, so that a form that is sent twice makes one. */
  readonly newId?: string
}> = ({ session, to, types, endpoint, newId }) => (
  <form method="post" action={to} class="fields">
    <Token session={session} />
    {newId === undefined ? null : <input type="hidden" name="id" value={newId} />}
    <label>
      URL
      <input
        type="url"
        name="url"
        required
        value={endpoint?.url ?? ''}
        placeholder="https://example.com/hooks"
      />
    </label>
    <label>
      Event types, separated by commas; none = all
      <input
        name="eventTypes"
        value={endpoint?.eventTypes.join(', ') ?? ''}
        placeholder="order.paid, order.*"
        list="types"
      />
    </label>
    <datalist id="types">
      {types.map((type) => (
        <option value={type} />
      ))}
    </datalist>
    <label>
      Description
      <input name="description" maxlength={1000} value={endpoint?.description ?? ''} />
    </label>
    <button type="submit">{endpoint ? 'Save' : 'Add endpoint'}</button>
  </form>
)

/** The fields of a form that was sent. The library checks their values. */
export function fieldsOf(form: URLSearchParams): EndpointChanges & { readonly url: string } {
  return {
    url: form.get('url')?.trim() ?? '',
    description: form.get('description') ?? '',
    eventTypes: (form.get('eventTypes') ?? '')
      .split(',')
      .map((type) => type.trim())
      .filter((type) => type !== ''),
  }
}
