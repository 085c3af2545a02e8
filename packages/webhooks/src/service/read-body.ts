import { RefusedRequest } from './refused-request.js'

/**
 * The body of a request as text: within its limit, and UTF-8. @throws {RefusedRequest} LVG_WEBHOOK_TOO_LARGE, LVG_WEBHOOK_INVALID.
 *
 * @example
 * import { readBody } from '@lovage/webhooks/service'
 * const textOf = (request: Request) => readBody(request, 1_000_000)
 */
export async function readBody({ body, headers }: Request, maxBytes: number): Promise<string> {
  if (body === null) return ''
  const refuse = () =>
    new RefusedRequest(`The body has more than ${maxBytes} bytes.`, {
      code: 'LVG_WEBHOOK_TOO_LARGE',
      field: 'body',
    })
  if (Number(headers.get('content-length') ?? 0) > maxBytes) throw refuse()
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of body) {
      bytes += chunk.length
      if (bytes > maxBytes) throw refuse()
      chunks.push(chunk)
    }
  } catch (cause) {
    if (cause instanceof RefusedRequest) throw cause
    throw new RefusedRequest('The body ended before its length.', {
      code: 'LVG_WEBHOOK_INVALID',
      field: 'body',
      cause,
    })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch (cause) {
    throw new RefusedRequest('The body is not UTF-8.', { code: 'LVG_WEBHOOK_INVALID', field: 'body', cause })
  }
}
