export { openRpcResultBackend } from './rpc-result-backend.js'
