export { acceptOf, bodyOf, formatOf, signerOf } from './security.js'
export { Sender } from './sender.js'
export { expiresAt, type Sending, toMessage } from './to-message.js'
