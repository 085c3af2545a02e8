export type { HttpOutcome } from './outcome.js'
export { Poster, type PosterOptions, type PostRequest } from './poster.js'
