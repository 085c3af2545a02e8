export { decodePickle } from './read-pickle.js'
export { encodePickle, PythonTuple } from './write-pickle.js'
