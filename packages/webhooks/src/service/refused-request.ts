import { WebhookError } from '../domain/index.js'

/** An error whose status is not that of its code, or that has headers. */
export class RefusedRequest extends WebhookError {
  readonly status: 401 | 409 | 415 | 429 | null
  readonly headers: Readonly<Record<string, string>>

  constructor(
    message: string,
    options: ConstructorParameters<typeof WebhookError>[1] & {
      readonly status?: 401 | 409 | 415 | 429
      readonly headers?: Readonly<Record<string, string>>
    },
  ) {
    super(message, options)
    this.status = options.status ?? null
    this.headers = options.headers ?? {}
  }
}
