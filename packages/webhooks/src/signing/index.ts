export { jwkPoint, newSigningSecret, publicTextOf, readSigningSecret, type SigningKey } from './keys.js'
export { signatureHeader } from './sign.js'
