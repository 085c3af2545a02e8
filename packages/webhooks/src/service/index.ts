/** Where the HTTP service answers, below its origin. */
export const SERVICE_PATH = '/v1'
