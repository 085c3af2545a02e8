/** The path of the HTTP service, below its origin. */
export const SERVICE_PATH = '/v1'
